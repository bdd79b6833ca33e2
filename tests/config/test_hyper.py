"""What is wrong with hyper-parameters that concern one another."""

from pathlib import Path
from typing import Any

import pytest

from rec.config.config import Config
from rec.config.hyper import Declared, check, complete
from rec.nn.numbers import NumberEmbeddings


def network(num_field: int, interaction: object = "none", fields: object = ()) -> None:
    """A network's parameters."""


@pytest.mark.parametrize(
    ("attend", "problem"),
    [
        ({"past": "item"}, None),
        ({"past": "item", "seen": "item"}, None),
        ({"past": "shop"}, "shop is not among the fields: past, seen, item"),
        ({"gone": "item"}, "gone is not among the fields: past, seen, item"),
        ({"past": "past"}, "past asks past and is itself a history that is asked; name a field of one vector"),
        ({"past": "seen", "seen": "item"}, "seen asks past and is itself a history that is asked"),
    ],
)
def test_attended_fields(attend, problem):
    given = {"fields": ["past", "seen", "item"], "interaction": {"kind": "din", "attend": attend}}
    config = complete(Config(Path("c.yaml"), {"hyper_parameters": given}), [network])
    problems = check(config, [network])
    if problem is None:
        assert not problems
        assert config.hyper_parameters["num_field"] == 3 - len(attend)
    else:
        (line,) = problems
        assert line.startswith("hyper_parameters.interaction.attend: ")
        assert problem in line


def test_a_network_that_sees_no_numbers_is_given_none():
    config = Config(Path("c.yaml"), {"hyper_parameters": {"fields": ["user", "item"]}})
    assert not check(complete(config, [network]), [network])
    (line,) = check(complete(config, [network], Declared(["a"], {}, {"age": None, "price": None})), [network])
    assert line.startswith(
        "hyper_parameters.num_number is 2, for so many numbers the data has, and network sees none: "
    )


def test_how_a_number_becomes_a_vector_is_told_of_its_field():
    config = Config(Path("c.yaml"), {"hyper_parameters": {"fields": ["user"]}})

    def problems(target: Any, embed: Any) -> list[str]:
        numbers = {"age": None, "price": embed}
        return check(complete(config, [target], Declared(["user"], {}, numbers)), [target])

    def with_numbers(fields: Any, num_field: int, num_number: int, number_embeddings: NumberEmbeddings = {}) -> None:  # noqa: B006
        """A network's parameters."""

    def without(fields: Any, num_field: int, num_number: int) -> None:
        """A network's parameters."""

    assert not problems(with_numbers, "linear")
    assert not problems(without, None)
    (line,) = problems(with_numbers, "autodi")
    assert line.startswith("data.fields.price.embed: kind should be one of none, linear, autodis, got 'autodi'")
    (line,) = problems(without, "linear")
    assert line == (
        "data.fields.price: without makes no vectors of numbers: give its constructor number_embeddings, or leave "
        "embed out"
    )
