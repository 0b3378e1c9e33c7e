"""Reading Keras models: their calls, their channels, and how to replay them."""

from kerasprune.graph import stock_linear_layers  # noqa: F401  (importing it registers them)
from kerasprune.graph.call import Call, Env, make, run, symbolic_leaves
from kerasprune.graph.channels_last import channels_last
from kerasprune.graph.clone import clone_operation, replay
from kerasprune.graph.copied import copied
from kerasprune.graph.execute import Execution
from kerasprune.graph.finite import first_not_finite
from kerasprune.graph.forward_pass import remembered
from kerasprune.graph.inside import accepted_by, build_inside, call_with, with_shape
from kerasprune.graph.linear_layer import LINEAR_LAYERS, LinearLayer, find_linear_layer, linear_layer
from kerasprune.graph.opened import OPENERS, Opened, Plain, opener, plainly
from kerasprune.graph.own_class import framed, in_class_of, own_class, trained_like
from kerasprune.graph.program import Activations, Program, Read
from kerasprune.graph.rebuild import Rebuild, compile_like, compiled_metrics
from kerasprune.graph.replay import AtCall, make_call
from kerasprune.graph.rule import RULES, Rule, find_rule, rule
from kerasprune.graph.runnable import Runnable, can_run, restored, runnable
from kerasprune.graph.site import Site
from kerasprune.graph.states import fresh_states
from kerasprune.graph.trace import trace
from kerasprune.graph.unroll import unroll, unrolled, unrolled_with_origins
from kerasprune.graph.walk import (
    align,
    align_inputs,
    as_inputs,
    as_outputs,
    calls_of,
    functional,
    is_graph,
    layers_inside,
    loss_weights,
    operations,
)
from kerasprune.graph.windows import Windows

__all__ = [
    "LINEAR_LAYERS",
    "OPENERS",
    "RULES",
    "Activations",
    "AtCall",
    "Call",
    "Env",
    "Execution",
    "LinearLayer",
    "Opened",
    "Plain",
    "Program",
    "Read",
    "Rebuild",
    "Rule",
    "Runnable",
    "Site",
    "Windows",
    "accepted_by",
    "align",
    "align_inputs",
    "as_inputs",
    "as_outputs",
    "build_inside",
    "call_with",
    "calls_of",
    "can_run",
    "channels_last",
    "clone_operation",
    "compile_like",
    "compiled_metrics",
    "copied",
    "find_linear_layer",
    "find_rule",
    "first_not_finite",
    "framed",
    "fresh_states",
    "functional",
    "in_class_of",
    "is_graph",
    "layers_inside",
    "linear_layer",
    "loss_weights",
    "make",
    "make_call",
    "opener",
    "operations",
    "own_class",
    "plainly",
    "remembered",
    "replay",
    "restored",
    "rule",
    "run",
    "runnable",
    "symbolic_leaves",
    "trace",
    "trained_like",
    "unroll",
    "unrolled",
    "unrolled_with_origins",
    "with_shape",
]
