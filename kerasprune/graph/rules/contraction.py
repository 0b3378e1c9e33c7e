"""Products of two activations that sum over axes: matrix products, Einsum, Dot.

A channel on an axis that is summed over adds nothing where it reads zero, in both factors: they go together.
"""

import string
from collections.abc import Iterable, Sequence

import keras
import numpy as np

from kerasprune.core import Labels
from kerasprune.graph.operands import Operand, operands
from kerasprune.graph.rule import rule
from kerasprune.graph.site import Site


@rule("Einsum", behaviour="join")
def einsum(site: Site) -> Labels | list[Labels]:
    """Letters that several factors have tie them; letters that the output lacks are read."""
    factors = operands(site)
    equation = _expanded(site.layer.subscripts, [len(factor.shape) for factor in factors])
    if equation is None:
        return site.decline(f"the equation {site.layer.subscripts!r} of {site.name} is not understood")
    return _contract(site, factors, *equation)


@rule("Matmul", behaviour="join")
def matmul(site: Site) -> Labels | list[Labels]:
    """The last axis of the first factor with the last but one of the second."""
    first, second = (len(factor.shape) for factor in operands(site))
    batch = _letters(max(first, second, 2) - 2)
    left = "k" if first == 1 else f"{_last(batch, first - 2)}ik"
    right = "k" if second == 1 else f"{_last(batch, second - 2)}kj"
    rows, columns = "i" * (first > 1), "j" * (second > 1)
    return _contract(site, operands(site), [left, right], f"{batch}{rows}{columns}")


@rule("Dot", behaviour="join")
def dot(site: Site) -> Labels | list[Labels]:
    """The last axis of the first factor with the last but one of the second, all other axes side by side."""
    first, second = (len(factor.shape) for factor in operands(site))
    if not first or not second:
        return site.decline(f"{site.name} multiplies with a scalar")
    rows, columns = _letters(first - 1), _letters(max(second - 2, 0), skip=first - 1)
    last = "j" * (second > 1)
    return _contract(site, operands(site), [f"{rows}k", f"{columns}k{last}"], f"{rows}{columns}{last}")


@rule("Tensordot", behaviour="join")
def tensordot(site: Site) -> Labels | list[Labels]:
    """The given axes of both factors, all other axes side by side."""
    first, second = (len(factor.shape) for factor in operands(site))
    axes = site.layer.axes
    pairs = (range(first - axes, first), range(axes)) if isinstance(axes, int) else axes
    return _contract(site, operands(site), *_side_by_side(first, second, pairs))


@rule(keras.layers.Dot, behaviour="join")
def dot_layer(site: Site) -> Labels | list[Labels]:
    """One axis of each input, sample by sample; normalising along it first adds up squares, where zero is nothing."""
    first, second = (len(shape) for shape in site.shapes)
    axes = site.layer.axes
    axes = [axes, axes] if isinstance(axes, int) else axes
    pairs = [[axis] if isinstance(axis, int) else axis for axis in axes]
    terms, output = _side_by_side(first, second, pairs, batch=True)
    labels = _contract(site, operands(site), terms, output)
    return (*labels, *(None,) * (len(site.output_shapes[0]) - len(labels)))


def _contract(site: Site, factors: Sequence[Operand], terms: Sequence[str], output: str) -> Labels:
    """The labels of a product of `factors`, whose axes are named by the letters of `terms`."""
    vectors, sizes = {}, {}
    for letter in dict.fromkeys("".join(terms)):
        places = [(factor, term.index(letter)) for factor, term in zip(factors, terms, strict=True) if letter in term]
        sizes[letter] = max(factor.sizes[axis] for factor, axis in places)
        vectors[letter] = _tied(site, places)
        if letter not in output:
            tensors = [(factor, axis) for factor, axis in places if factor.index is not None]
            outside = [(factor, axis) for factor, axis in tensors if factor.index not in site.of_weights]
            for factor, axis in outside or tensors:  # where they read zero, the weights have no say
                site.read(axis, index=factor.index)
    for factor, term in zip(factors, terms, strict=True):
        factor.follow(site, tuple(vectors[letter] for letter in term))
    site.multiply(tuple(vectors.values()), tuple(sizes.values()))
    return tuple(vectors[letter] for letter in output)


def _tied(site: Site, places: Iterable[tuple[Operand, int]]) -> np.ndarray | None:
    """The channels that all factors have on an axis, one of length 1 left out; None where there are none."""
    places = [(factor.labels[axis], factor.shape[axis], factor.index) for factor, axis in places]
    whole = any(size != 1 for _, size, _ in places)
    for vector, size, _ in places:
        if whole and size == 1:
            site.freeze((vector,), f"{site.name} spreads this channel over a whole axis")
    places = [(vector, index) for vector, size, index in places if not (whole and size == 1)]
    first = next((vector for vector, _ in places if vector is not None), None)
    for vector, index in places:
        if first is not None and vector is None and index is not None:
            site.freeze_single(first, f"{site.name} multiplies them with values that are not channels")
        elif vector is not None and vector is not first:
            site.tie(first, vector, f"{site.name} multiplies them place by place")
    return first


def _expanded(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str] | None:
    """The terms and the output of an equation with ellipses written out; None for a form that is not known."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    spare = "".join(letter for letter in string.ascii_letters if letter not in subscripts)
    if not arrow or len(terms) != len(ranks):
        return None
    hidden = [rank - len(term) + 3 if "..." in term else 0 for term, rank in zip(terms, ranks, strict=True)]
    letters = spare[: max(hidden)]
    terms = [term.replace("...", _last(letters, count)) for term, count in zip(terms, hidden, strict=True)]
    output = output.replace("...", letters)
    known = all(len(term) == rank for term, rank in zip(terms, ranks, strict=True))
    distinct = all(len(set(term)) == len(term) for term in (*terms, output))
    return (terms, output) if known and distinct and set(output) <= set("".join(terms)) else None


def _side_by_side(
    first: int, second: int, pairs: Sequence[Sequence[int]], batch: bool = False
) -> tuple[list[str], str]:
    """Terms in which the axes in `pairs` share letters, and an output of all other letters."""
    left = list(_letters(first))
    right = list(_letters(second, skip=first))
    if batch:
        right[0] = left[0]
    for one, other in zip(*pairs, strict=True):
        right[other] = left[one]
    summed = {left[axis] for axis in pairs[0]}
    output = dict.fromkeys(letter for letter in (*left, *right) if letter not in summed)
    return ["".join(left), "".join(right)], "".join(output)


def _letters(count: int, skip: int = 0) -> str:
    return string.ascii_uppercase[skip : skip + count]


def _last(letters: str, count: int) -> str:
    return letters[len(letters) - count :] if count > 0 else ""
