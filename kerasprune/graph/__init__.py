"""Reading Keras models: their calls, their channels, and how to replay them."""

from kerasprune.graph.call import Call, Env, make, run, symbolic_leaves
from kerasprune.graph.forward_pass import remembered
from kerasprune.graph.inside import accepted_by, build_inside, with_shape
from kerasprune.graph.program import Activations, Program, Read
from kerasprune.graph.rebuild import Rebuild, compile_like
from kerasprune.graph.replay import AtCall, clone_operation, replay
from kerasprune.graph.rule import RULES, Rule, find_rule, rule
from kerasprune.graph.site import Site
from kerasprune.graph.states import fresh_states
from kerasprune.graph.trace import trace
from kerasprune.graph.unroll import unroll, unrolled, unrolled_with_origins
from kerasprune.graph.walk import align, calls_of, functional, is_graph, layers_inside, operations

__all__ = [
    "RULES",
    "Activations",
    "AtCall",
    "Call",
    "Env",
    "Program",
    "Read",
    "Rebuild",
    "Rule",
    "Site",
    "accepted_by",
    "align",
    "build_inside",
    "calls_of",
    "clone_operation",
    "compile_like",
    "find_rule",
    "fresh_states",
    "functional",
    "is_graph",
    "layers_inside",
    "make",
    "operations",
    "remembered",
    "replay",
    "rule",
    "run",
    "symbolic_leaves",
    "trace",
    "unroll",
    "unrolled",
    "unrolled_with_origins",
    "with_shape",
]
