"""Overrides that Hydra cannot read or merge: the answer is our own, and says how the value is written."""

import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from tendency.app.configuration.argument_kinds import hint_of_items
from tendency.app.configuration.overrides import apply_overrides, parse_overrides
from tendency.app.configuration.signatures import check_nodes
from tendency.app.configuration.unreadable_override import unmergeable
from tendency.errors import ConfigError
from tendency.simulation.parameters import Parameter
from tendency.simulation.problem import Problem

FOREIGN_WORDS = re.compile(
    "Exception|hydra.cc|viable|<EOF>|full_key|object_type|DictConfig|ListConfig|struct|token|Lexer", re.IGNORECASE
)
"""Words of Hydra, OmegaConf and their parser."""

UNREADABLE = {
    'name=é"': 'the quotation mark " is not closed in',
    "name=é": "'é' holds signs that have a meaning",
    "name=😀": "holds signs that have a meaning",
    'name="': 'the quotation mark " is not closed',
    "name='a": "the quotation mark ' is not closed",
    "name=a=b": "holds signs that have a meaning",
    "name=a#b`c$d": "holds signs that have a meaning",
    "name=it's\\": "the quotation mark ' is not closed",
    "model.modes=[1,2": "the bracket [ is not closed in '[1,2'",
    "model.modes=1]": "the bracket ] closes none in '1]'",
    "model.modes={a:[1}": "the bracket } closes another kind",
    "pde.times.dt={...}": "holds signs that have a meaning",
    "name=${x": "the bracket { is not closed",
    "name=f(x)": "is read as a call of one of bool, choice,",
    "seed=int(a)": "is read as a call of one of bool, choice,",
}


@pytest.mark.parametrize("text", UNREADABLE)
def test_the_answer_says_how_the_value_is_quoted(text):
    with pytest.raises(ConfigError) as refused:
        parse_overrides([text])
    (problem,) = refused.value.problems
    assert problem.startswith(f"cannot read {text!r} (expected key=value): ")
    assert UNREADABLE[text] in problem
    assert not FOREIGN_WORDS.search(problem)
    # What is suggested reads as the value that was meant, after a shell has taken its quotes.
    (suggested,) = shlex.split(problem.partition("is quoted: ")[2])
    key, _, value = text.partition("=")
    override = OverridesParser.create().parse_override(suggested)
    meant = value.removeprefix("'") if text == "name='a" else value
    assert (override.key_or_group, override.value()) == (key, meant)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pde.extent[0]=1", "got '[' in 'pde.extent[0]'; a list is given whole: pde.extent=[...]"),
        ("é=1", "expected a key of letters without accents"),
        ("=5", "it has no key"),
        ("+=5", "it has no key"),
        ("seed", "it has no value"),
    ],
)
def test_what_is_wrong_with_a_key(text, words):
    with pytest.raises(ConfigError) as refused:
        parse_overrides([text])
    assert words in str(refused.value)
    assert not FOREIGN_WORDS.search(str(refused.value))


CONFIG = {"pde": {"times": {"dt": {"value": 1}, "n": 3}, "extent": [1, 2], "other": None}, "seed": 0}
UNMERGEABLE = {
    "pde.times=[]": "pde.times: expected a mapping of dt, n, got []; one entry is changed by pde.times.dt=...",
    "+pde.times=[1]": "pde.times: expected a mapping of dt, n, got [1]",
    "pde.times={dt:[1]}": "pde.times.dt: expected a mapping of value, got [1]",
    "pde.times.dt={a:1}": "pde.times.dt: expected a mapping of value, got 'a' in {'a': 1}; +pde.times.dt.a=... adds it",
    "pde.extent={a:1}": "pde.extent: expected a list such as [a,b], got {'a': 1}",
    "+seed=1": "+seed: expected a key that is not there yet, got one that is",
}


@pytest.mark.parametrize("text", UNMERGEABLE)
def test_a_value_of_another_form_is_refused_by_its_key(text):
    (override,) = parse_overrides([text])
    problem = unmergeable(override, OmegaConf.create(CONFIG))
    assert problem.startswith(UNMERGEABLE[text])
    assert not FOREIGN_WORDS.search(problem)
    if text.startswith("pde"):
        with pytest.raises(ConfigError, match=re.escape(f"shift: {UNMERGEABLE[text]}")):
            apply_overrides(CONFIG, [text], "shift")


@pytest.mark.parametrize(
    "text", ["pde.times={n:4}", "+pde.times={m:4}", "++a.b.c=1", "pde.other=[1]", "pde.other={a:1}", "pde.extent=[3]"]
)
def test_what_can_be_merged_is_not_complained_about(text):
    (override,) = parse_overrides([text])
    assert unmergeable(override, OmegaConf.create(CONFIG)) is None


@pytest.mark.parametrize(
    ("node", "kind", "answer"),
    [
        (
            {"_target_": "os.system", "name": "heat", "seed": 0, "times": {}},
            Problem,
            "x: expected a Problem, got system",
        ),
        ({"_target_": "subprocess.Popen", "name": "heat", "seed": 0}, Problem, "x: expected a Problem, got Popen"),
        ({"_target_": "builtins.eval", "a": 1, "b": 2}, None, "x: eval takes none of a, b; its arguments are source,"),
    ],
)
def test_a_target_of_another_kind_is_one_sentence(node, kind, answer):
    with pytest.raises(ConfigError) as refused:
        check_nodes({"x": node}, None, {} if kind is None else {"x": kind})
    (problem,) = refused.value.problems
    assert problem.startswith(answer)


def test_a_target_inside_a_mapping_and_a_list_is_one_sentence():
    node = {"_target_": "builtins.print", "low": 0.1, "high": 0.2}
    problem = {"_target_": "tendency.simulation.problem.Problem", "parameters": {"a": node}, "extent": [node]}
    with pytest.raises(ConfigError) as refused:
        check_nodes({"pde": problem})
    found = [line for line in refused.value.problems if "requires" not in line]
    assert found == [f"pde.{key}: expected a Parameter, got print" for key in ("parameters.a", "extent[0]")]
    assert hint_of_items(dict[str, Parameter] | None, dict) is Parameter
