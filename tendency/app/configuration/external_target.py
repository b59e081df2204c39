"""``model=external model._target_=package.Class``: the class stands where our own models' do, and is wrapped."""

from omegaconf import DictConfig, OmegaConf, open_dict

WRAPPER = "tendency.surrogates.models.external.External"


def move_external_target(config: DictConfig) -> None:
    """Moves a foreign ``model._target_`` to where ``External`` looks for it, ``model.network._target_``.

    Args:
        config: composed; changed in place.
    """
    node = OmegaConf.select(config, "model")
    if not isinstance(node, DictConfig) or not isinstance(node.get("network"), DictConfig):
        return
    if OmegaConf.is_missing(node.network, "_target_") and node._target_ != WRAPPER:
        with open_dict(node):
            node.network._target_, node._target_ = node._target_, WRAPPER
