"""Command lines that are wrong, and what each must be answered: the key, the value, what was expected.

``python tests/tendency/bad_command_lines.py`` prints how many there are of each kind.
"""

from collections import Counter
from typing import NamedTuple


class BadLine(NamedTuple):
    """A wrong command line.

    Args:
        kind: what is wrong with it.
        command: such as ``train``.
        arguments: as they are typed, separated by spaces.
        answer: words that the answer holds, on one line.
        code: exit code.
    """

    kind: str
    command: str
    arguments: str
    answer: str
    code: int = 2


def lines(kind: str, command: str, *rows: tuple[str, str]) -> list[BadLine]:
    """Several of one kind."""
    return [BadLine(kind, command, arguments, answer) for arguments, answer in rows]


BAD_LINES = [
    *lines(
        "names",
        "train",
        ("pde=heat model=fnoo", "unknown model 'fnoo'; did you mean 'fno'?"),
        ("pde=navier-stokes", "unknown pde 'navier-stokes'; did you mean 'navier_stokes'?"),
        ("model=fno", "pde= is required, one of: advection"),
        ("pde=heat modl=fno", "unknown key 'modl'; did you mean 'model'?"),
        ("pde=heat optimizer=adamm", "unknown optimizer 'adamm'; did you mean 'adamw'?"),
        ("pde=heat scheduler=cosin", "unknown scheduler 'cosin'; did you mean 'cosine'?"),
        ("pde=heat objective=onestep", "unknown objective 'onestep'; did you mean 'one_step'?"),
        ("pde=heat prediction=derivate", "unknown prediction 'derivate'; did you mean 'derivative'?"),
        ("pde=heat trainer=gpuu", "unknown trainer 'gpuu'; did you mean 'gpu'?"),
        ("pde=heat logger=wandbb", "unknown logger 'wandbb'; did you mean 'wandb'?"),
        ("pde=heat strategy=stat", "unknown strategy 'stat'; did you mean 'state'?"),
        ("pde=heat experiment=quicklook", "unknown experiment 'quicklook'; did you mean 'quick_look'?"),
        ("pde=heat objective/loss=mee", "unknown objective/loss 'mee'"),
        ("pde=heat prediction=derivative prediction/integrator=rk5", "unknown prediction/integrator 'rk5'"),
        ("pde=heat prediction/integrator=rk4", "integrator belongs to prediction=derivative, which is not chosen"),
        ("pde=heat trainer.max_epoch=5", "unknown key 'max_epoch' in trainer; did you mean 'max_epochs'?"),
        ("pde=heat model.wdth=5", "unknown key 'wdth' in model; did you mean 'width'?"),
        ("pde=heat pde.parameters.viscosity.low=5", "unknown key 'viscosity' in pde.parameters"),
        ("pde=heat seed.x=3", "unknown key 'seed.x': seed is a single value"),
        ("pde=heat --config-name=nope", "--config-name: no configuration 'nope'; available: compare, evaluate"),
        ("pde=heat --config-dir=/nowhere", "--config-dir: no folder /nowhere"),
        ("pde=heat --config-path=/tmp", "--config-path: expected --config-dir"),
        ("pde=heat --epochs=5", "unknown option '--epochs=5': values are given without dashes"),
    ),
    *lines(
        "grammar",
        "train",
        ("pde=heat trainer.max_epochs", "cannot read 'trainer.max_epochs' (expected key=value)"),
        ("pde=heat model.modes=[1,2", "cannot read 'model.modes=[1,2'"),
        ("pde=heat model.modes=(1,2)", "cannot read 'model.modes=(1,2)'"),
        ("pde=heat =5", "cannot read '=5'"),
        ("pde=heat seed=1,2", "seed=1,2: several values are a sweep, which needs -m"),
        ("pde=heat model=fno,unet", "model=fno,unet: several values are a sweep, which needs -m"),
        ("pde=heat name=${nothing}", "Interpolation key 'nothing' not found"),
        ("pde=heat name=${name}", "Recursive interpolation detected"),
        ("pde=heat model.width=${oc.env:NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
        ("pde=heat model.width=???", "model.width= is required"),
        ("pde=heat model=external", "model.network._target_= is required"),
    ),
    *lines(
        "groups taken away or replaced",
        "train",
        *[
            (f"pde=heat ~{g}", f"{g}: expected an option of this group ({g}=...), got none")
            for g in (
                "model",
                "prediction",
                "objective",
                "data",
                "optimizer",
                "scheduler",
                "trainer",
                "callbacks",
            )
        ],
        ("pde=heat ~paths", "Interpolation key 'paths.outputs' not found"),
        ("~pde pde=heat", "pde"),
        ("pde=heat model=null", "model: expected the name of one option, got null"),
        ("pde=heat data=5", "data: expected the name of one option, got 5"),
        ("pde=heat objective=[one_step]", "objective: expected the name of one option, got ['one_step']"),
        ("pde=heat ~callbacks.checkpoints", "callbacks.checkpoints: a run needs its checkpoints, got none"),
        ("pde=heat callbacks.lines=null", "callbacks.lines: expected a Callback, got None"),
        ("pde=heat logger.local=3", "logger.local: expected a Logger, got 3"),
    ),
    *lines(
        "nodes",
        "train",
        ("pde=heat pde.parameters.diffusivity=null", "pde.parameters.diffusivity: expected a Parameter, got None"),
        ("pde=heat pde.parameters=null", "pde.parameters: expected a mapping of a Parameter, got None"),
        ("pde=heat pde.tolerances=null", "pde.tolerances: expected a Tolerances, got None"),
        ("pde=heat pde.times=3", "pde.times: expected a Times, got 3"),
        ("pde=heat pde.times.dt=0.1", "pde.times.dt: expected a Parameter, got 0.1"),
        ("pde=heat pde.extent=[16.0]", "pde.extent[0]: expected a Parameter, got 16.0"),
        ("pde=heat pde.simulator=spectral", "pde.simulator: expected a ReferenceSolver, got 'spectral'"),
        ("pde=heat pde.simulator.integrator=rk4", "pde.simulator.integrator: expected a ExponentialIntegrator"),
        ("pde=heat pde.geometry=[64]", "pde.geometry=[64]: Cannot merge"),
        ("pde=heat pde.geometry.boundary=periodic", "pde.geometry.boundary: expected a Boundary, got 'periodic'"),
        ("pde=heat pde.initial_condition=null", "pde.initial_condition: expected a InitialCondition, got None"),
        ("pde=heat objective.loss=mse", "objective.loss: expected a Loss, got 'mse'"),
        ("pde=heat prediction=derivative prediction.integrator=rk4", "prediction.integrator: expected a Integrator"),
        ("pde=heat ++callbacks.x={_target_:os.system,command:ls}", "callbacks.x: Target 'os.system' is blocklisted"),
        ("pde=heat ++callbacks.x={_target_:pathlib.Path}", "callbacks.x: expected a Callback, got Path"),
        ("pde=heat ++callbacks.x={a:1}", "callbacks.x: expected a Callback, got {'a': 1}"),
        (
            "pde=heat model._target_=mypkg.Net",
            "model._target_: cannot import 'mypkg.Net': no module 'mypkg'; install it, or put its folder on PYTHONPATH",
        ),
        ("pde=heat model._target_=torch.nn.Linear", "model"),
        (
            "pde=heat model._target_=tendency.version.__version__",
            "model._target_: expected the path of a class or a function",
        ),
        ("pde=heat model._target_=null", "model._target_: expected the path of a class"),
        ("pde=heat model._target_=tendency.surrogates.models.fno.FNOO", "model._target_: cannot import"),
        ("pde=heat prediction._target_=tendency.surrogates.models.fno.FNO", "prediction"),
        ("pde=heat trainer._partial_=false", "trainer"),
        ("pde=heat ++pde._partial_=true", "pde: expected a Problem, got Problem"),
        ("pde=heat ++model._convert_=some", "model._convert_: expected one of none, partial, object, all, got 'some'"),
        ("pde=heat ++model._args_=[1]", "model._args_: expected an argument of"),
        (
            "pde=heat model=external model._target_=nowhere.Net",
            "model.network._target_: cannot import 'nowhere.Net': no module 'nowhere'",
        ),
        ("pde=heat model=external model._target_=torch.nn.Linear", "model.network: Linear cannot be built"),
    ),
    *lines(
        "values",
        "train",
        ("pde=heat trainer.max_epochs=lots", "trainer.max_epochs: input should be a valid integer, got 'lots'"),
        ("pde=heat trainer.max_epochs=0", "trainer.max_epochs: input should be greater than or equal to 1, got 0"),
        ("pde=heat trainer.max_epochs=1.5", "trainer.max_epochs: input should be a valid integer, got 1.5"),
        ("pde=heat model.width=-3", "model.width: input should be greater than or equal to 1, got -3"),
        ("pde=heat model.width=null", "model.width: input should be a valid integer, got None"),
        ("pde=heat model.modes=many", "model.modes"),
        (
            "pde=heat model.reads_coordinates=maybe",
            "model.reads_coordinates: input should be a valid boolean, got 'maybe'",
        ),
        ("pde=heat optimizer.lr=nan", "optimizer.lr: input should be a finite number, got nan"),
        ("pde=heat optimizer.lr=inf", "optimizer.lr: input should be a finite number, got inf"),
        ("pde=heat optimizer.lr=-1", "optimizer.lr: input should be greater than 0, got -1"),
        ("pde=heat optimizer.lr=1e30", "optimizer.lr: input should be less than or equal to 100, got 1e+30"),
        ("pde=heat optimizer.lr=0.0O1", "optimizer.lr: input should be a valid number, got '0.0O1'"),
        ("pde=heat +optimizer.momentum=0.9", "optimizer.momentum: unknown argument of adamw"),
        ("pde=heat scheduler.final=2", "scheduler.final: input should be less than or equal to 1, got 2"),
        ("pde=heat scheduler.warmup_steps=100000", "scheduler.warmup_steps: expected fewer than the"),
        ("pde=heat seed=-1", "seed: input should be greater than or equal to 0, got -1"),
        ("pde=heat seed=abc", "seed: input should be a valid integer, got 'abc'"),
        (
            "pde=heat seed=100000000000000000000000",
            "seed: input should be less than 9223372036854775808, got 100000000000000000000000",
        ),
        ("pde=heat pde.seed=100000000000000000000000", "pde.seed: input should be less than 9223372036854775808"),
        ("pde=heat resume=maybe", "resume: input should be 'never' or 'auto', got 'maybe'"),
        ("pde=heat compile=5", "compile: input should be a valid boolean, got 5"),
        ("pde=heat evaluate=maybe", "evaluate: input should be a valid boolean, got 'maybe'"),
        ("pde=heat small=maybe", "small: input should be a valid boolean, got 'maybe'"),
        (
            "pde=heat matmul_precision=low",
            "matmul_precision: input should be 'auto', 'highest', 'high' or 'medium', got 'low'",
        ),
        ("pde=heat name=../x", "name: expected lower case letters, digits, '_', '.', '-' (at most 128), got '../x'"),
        ("pde=heat name=Heat", "name: expected lower case letters"),
        ("pde=heat name=[a]", "name"),
        ("pde=heat ckpt_path=5", "ckpt_path: input should be a valid string, got 5"),
        ("pde=heat trainer.precision=bf17", "trainer.precision: input should be '32-true'"),
        ("pde=heat trainer.accelerator=tpu", "trainer.accelerator: input should be 'auto', 'cpu' or 'gpu', got 'tpu'"),
        ("pde=heat trainer.strategy=fsdp", "trainer.strategy: input should be 'auto' or 'ddp', got 'fsdp'"),
        ("pde=heat trainer.devices=0", "trainer.devices"),
        ("pde=heat +trainer.devicez=4", "trainer.devicez: unknown argument of make_trainer; did you mean 'devices'"),
        ("pde=heat data.batch_size=0", "data.batch_size: input should be greater than or equal to 1, got 0"),
        ("pde=heat data.workers=-1", "data.workers: input should be greater than or equal to 0, got -1"),
        ("pde=heat data.num_train=1e11", "data.num_train: input should be a valid integer, got 100000000000.0"),
        ("pde=heat data.store_u_t=3", "data.store_u_t: input should be a valid boolean, got 3"),
        ("pde=heat data.stride=100", "pde.times.num_snapshots"),
        ("pde=heat pde.name=../x", "pde.name: expected lower case letters"),
        ("pde=heat pde.name=5", "pde.name: input should be a valid string, got 5"),
        ("pde=heat +pde.resolution=fine", "pde.resolution: expected resolved or as_published, got 'fine'"),
        ("pde=heat pde.extent[0].value=-1", "pde.extent"),
        ("pde=heat pde.times.dt.value=0", "pde.times.dt: expected positive values, got 0"),
        ("pde=heat pde.times.dt.value=nan", "pde.times.dt.value: input should be a finite number, got nan"),
        ("pde=heat pde.times.num_snapshots=1", "num_snapshots: expected at least 2, got 1"),
        ("pde=heat pde.times.burn_in=-1", "pde.times.burn_in: input should be greater than or equal to 0, got -1"),
        ("pde=heat pde.parameters.diffusivity.low=2", "pde.parameters.diffusivity: expected low < high, got low=2"),
        ("pde=heat pde.geometry.shape=[]", "pde.geometry: geometry.shape: expected 1 to 3 axes"),
        ("pde=heat pde.geometry.shape=[2]", "geometry.shape: expected 1 to 3 axes of at least 4 points, got [2]"),
        ("pde=heat pde.geometry.shape=64", "pde.geometry.shape"),
        ("pde=heat pde.geometry.shape=[64,64]", "shape has 2 axes, boundary.sides 1"),
        ("pde=heat pde.geometry.boundary.sides=[[periodic,dirichlet]]", "an axis is periodic on both sides"),
        ("pde=heat pde.geometry.boundary.sides=[[closed,closed]]", "boundary kind: expected one of"),
        ("pde=heat pde.simulator.max_step=0", "pde.simulator.max_step: input should be greater than 0, got 0"),
        ("pde=heat pde.tolerances.window=nan", "pde.tolerances.window: input should be a finite number, got nan"),
        ("pde=heat pde.small=5 small=true", "pde.small: expected a mapping with the parts pde, data, got 5"),
        (
            "pde=heat evaluation.batch_size=0",
            "evaluation.batch_size: input should be greater than or equal to 1, got 0",
        ),
    ),
    *lines(
        "combinations",
        "train",
        ("pde=heat data.batch_size=100000", "data.batch_size: expected at most 5120, the training windows, got 100000"),
        (
            "pde=heat data.batches_per_epoch=100000",
            "data.batches_per_epoch: the training windows fill 640 batches, got 100000",
        ),
        (
            "pde=heat data.batch_size=9 trainer.devices=2",
            "data.batch_size: expected a multiple of trainer.devices=2, got 9",
        ),
        ("pde=heat model.modes=100", "model.modes: a grid of 128 points keeps 65 modes, got 100"),
        ("pde=heat model=unet pde.geometry.shape=[30]", "model.multipliers: this U-Net halves the grid 2 times"),
        ("pde=wave_we1 model=fno", "model: Fourier layers need a grid"),
        ("pde=heat prediction=derivative prediction.history=2", "evaluates the network inside the step"),
        ("pde=heat prediction=derivative prediction/difference=stored", "add data.store_u_t=true"),
        ("pde=heat prediction=derivative objective=all_to_all", "use prediction=state or increment"),
        ("pde=heat_dirichlet objective/loss=sobolev", "all periodic, got walls on axis 0"),
        ("pde=heat prediction.history=41", "prediction.history: expected at most 40"),
        ("pde=heat prediction.bundle=50", "prediction.bundle: expected at most 40"),
        (
            "pde=heat trainer.val_check_interval=100000",
            "trainer.val_check_interval: expected at most 640, the batches of an epoch, got 100000",
        ),
        (
            "pde=heat trainer.check_val_every_n_epoch=7 trainer.max_epochs=1",
            "trainer.check_val_every_n_epoch: expected at most 1 (trainer.max_epochs)",
        ),
        (
            "pde=heat callbacks.checkpoints.monitor=valid/nope",
            "callbacks.checkpoints.monitor: input should be 'valid/rollout_nrmse' or",
        ),
        ("pde=heat callbacks.checkpoints.folder=/tmp/x", "callbacks.checkpoints.folder: expected"),
        ("pde=heat logger.local.folder=/tmp/x", "logger.local.folder: expected"),
        ("pde=heat callbacks/curriculum=growing_depth", "callbacks.curriculum: OneStep rolls nothing out"),
        ("pde=heat +trainer.options.max_epochs=3", "trainer.options.max_epochs: set trainer.max_epochs in its place"),
        ("pde=heat +trainer.options.detect_anomalies=true", "trainer.options.detect_anomalies: unknown argument"),
    ),
    *lines(
        "places",
        "train",
        ("pde=heat paths.outputs=/proc/x", "paths.outputs: expected a folder that can be written, got '/proc/x'"),
        ("pde=heat paths.datasets=/proc/x", "paths.datasets: expected a folder that can be written, got '/proc/x'"),
        ("pde=heat paths.outputs=/dev/null", "paths.outputs: expected a folder that can be written, got '/dev/null'"),
        ("pde=heat paths.outputs=null", "paths.outputs: input should be a valid string, got None"),
        ("pde=heat paths.datasets=[a]", "paths.datasets: input should be a valid string, got ['a']"),
    ),
    BadLine("places", "train", "pde=heat ckpt_path=nowhere.ckpt", "checkpoint", 3),
    BadLine("places", "train", "pde=heat pde.seed=5 data.generate=false", "data.generate=false forbids making it", 3),
    *lines(
        "sizes",
        "train",
        ("pde=heat pde.geometry.shape=[2000000000]", "pde.geometry.shape=[2000000000]: expected a dataset of at most"),
        (
            "pde=heat pde.times.num_snapshots=1000000000000",
            "pde.times.num_snapshots=1000000000000: expected a dataset of at most",
        ),
        ("pde=heat data.num_train=100000000000", "data.num_train=100000000000: expected at most 1000000 chunks"),
        ("pde=heat data.chunk_size=1000000000", "data.chunk_size=1000000000: expected a dataset of at most"),
        ("pde=heat data.workers=5000", "data.workers: expected at most"),
        ("pde=heat pde.times.dt.value=1e300", "pde.times: expected a trajectory of at most 1e+10 units of time"),
        ("pde=euler_1d pde.times.dt.value=1e300", "pde.times: expected a trajectory of at most"),
        ("pde=heat pde.times.burn_in=1e300", "pde.times: expected a trajectory of at most"),
        ("pde=heat pde.initial_condition.num_terms=1000000000", "pde.initial_condition.num_terms=1000000000"),
        ("pde=wave_we1 model=message_passing pde.store_on.num_nodes=1000000000", "pde.store_on.num_nodes=1000000000"),
        (
            "pde=navier_stokes_3d pde.geometry.shape=[4000,4000,4000]",
            "pde.geometry.shape=[4000, 4000, 4000]: expected a dataset",
        ),
        ("pde=heat model.width=1000000000", "its largest numbers are model.width=1000000000"),
        (
            "pde=heat model.num_layers=100000",
            "model: expected at most 20000 parts of a network, got more; its largest numbers are model.num_layers",
        ),
        ("pde=heat model=tfno model.width=1000000000", "model.width=1000000000"),
        ("pde=heat model=ffno model.num_layers=100000", "model.num_layers=100000"),
        ("pde=heat model=unet model.num_blocks=100000", "model.num_blocks=100000"),
        ("pde=heat model=unet model.multipliers=[1,2,4000000]", "model.multipliers[2]=4000000"),
        ("pde=heat model=dilated_resnet model.num_blocks=100000000", "model.num_blocks=100000000"),
        ("pde=heat model=dilated_resnet model.dilations=[1000000000]", "model.dilations[0]=1000000000"),
        ("pde=heat model=message_passing model.num_layers=100000", "model.num_layers=100000"),
        ("pde=wave_we1 model=mp_pde model.width=100000000", "model.width=100000000"),
        ("pde=heat_dirichlet model.extension=1e300", "model.extension=1e+300"),
        (
            "pde=navier_stokes data.batch_size=50000 data.num_train=2000 model.width=512",
            "(data.batch_size, pde.geometry.shape)",
        ),
        ("pde=heat prediction.history=1000000000", "prediction.history: expected at most 40"),
        ("pde=heat prediction.bundle=1000000000", "prediction.bundle: expected at most 40"),
        ("pde=heat objective=unrolled objective.depth.steps=1000000000", "objective.depth.steps=1000000000"),
        ("pde=heat objective=all_to_all objective.steps=1000000000", "objective.steps=1000000000"),
        ("pde=heat prediction=refiner prediction.num_refinements=1000000000", "prediction.num_refinements=1000000000"),
        (
            "pde=heat trainer.max_epochs=1000000000000",
            "trainer.max_epochs: expected at most 1000000000 steps of a training",
        ),
        (
            "pde=heat trainer.accelerator=cpu trainer.devices=5000 data.batch_size=5000",
            "trainer.devices: expected at most",
        ),
        ("pde=heat evaluation.ensemble=1000000000000", "evaluation.ensemble: expected at most 1000000 in a report"),
    ),
    *lines(
        "generation",
        "generate",
        ("data.num_train=3", "pde= is required"),
        ("pde=heat certify=never", "certify: input should be 'first' or 'only', got 'never'"),
        ("pde=heat model=fno", "model=fno: generate has no axis model; see --help"),
        ("pde=heat ~data", "data: expected an option of this group (data=...), got none"),
        ("pde=heat data.workers=5000", "data.workers: expected at most"),
        ("pde=heat pde.geometry.shape=[2000000000]", "pde.geometry.shape=[2000000000]: expected a dataset of at most"),
        ("pde=heat paths.datasets=/proc/x", "paths.datasets: expected a folder that can be written, got '/proc/x'"),
        ("pde=heat pde.times.dt.value=1e300", "pde.times: expected a trajectory of at most"),
        ("pde=heat pde.tolerances=null", "pde.tolerances: expected a Tolerances, got None"),
        ("pde=heat pde.name=A", "pde.name: expected lower case letters"),
    ),
    *lines(
        "reports and comparisons",
        "evaluate",
        ("name=x", "runs, sweep: expected one of them, got neither; runs=[outputs/<name>]"),
        ("runs=[a] sweep=b", "runs, sweep: expected one of them, got both"),
        ("runs=[]", "runs"),
        ("runs=5", "runs: input should be a valid list, got 5"),
        ("runs=[a] num_test=0", "num_test: input should be greater than or equal to 1, got 0"),
        ("runs=[a] trust=maybe", "trust: input should be a valid boolean, got 'maybe'"),
        ("runs=[a] dataset=d 'shift=[\"pde.seed=1\"]'", "dataset: shift makes another one"),
        ("runs=[a] evaluation=nope", "unknown evaluation 'nope'"),
        ("runs=[a] paths.outputs=/proc/x", "paths.outputs: expected a folder that can be written, got '/proc/x'"),
        ("runs=[a] ~evaluation", "evaluation: expected an option of this group"),
    ),
    *lines(
        "reports and comparisons",
        "compare",
        ("scale=tiny", "comparison= is required"),
        ("comparison=predicting_change scale=smal", "unknown scale 'smal'; did you mean 'small'?"),
        ("comparison=predicting_change write=/proc/x", "write: expected a folder that can be written, got '/proc'"),
        ("comparison=predicting_change executor=null", "executor: expected the name of one option, got null"),
        ("comparison=predicting_change problems=[nope]", "nope"),
        ("comparison=predicting_change paths.outputs=/proc/x", "paths.outputs: expected a folder that can be written"),
    ),
]

if __name__ == "__main__":
    for kind, count in Counter(line.kind for line in BAD_LINES).items():
        print(f"{count:4d}  {kind}")
    print(f"{len(BAD_LINES):4d}  in all")
