"""Model adapters: prompts in as token ids, completions out."""

from ._attention import check_attention
from ._base import (
    READ_IN_PART,
    BackendOptions,
    Completion,
    GenerationRequest,
    HoldsRotations,
    MeasuresLosses,
    ModelAdapter,
    PartialAnswer,
    RopeGroup,
    StreamsAnswers,
)
from ._device_map import check_device_map
from ._greedy import Choice, NextToken, answer_greedily
from ._load import backend_name, backend_names, check_sampling, load_model
from ._released import released_setting
from ._requests import PlannedRequests
from ._rope_labels import RopeLabel, own_overrides, rope_labels
from ._sampling import Sampling
from ._self_check import LiveCheck, examine
from ._stopping import AnswerEnd, answer_end, end_ids
from ._thoughts import ThoughtRule
from .endpoint import (
    UNKNOWN_WINDOW,
    ServerAbsentError,
    ServersModel,
    addressed,
    check_key_may_go,
    endpoint_card,
    endpoint_key,
    endpoint_tokenizer,
    is_address,
    key_notes,
    named_endpoint,
    same_address,
    server_replicas,
)

__all__ = [
    "READ_IN_PART",
    "UNKNOWN_WINDOW",
    "AnswerEnd",
    "BackendOptions",
    "Choice",
    "Completion",
    "GenerationRequest",
    "HoldsRotations",
    "LiveCheck",
    "MeasuresLosses",
    "ModelAdapter",
    "NextToken",
    "PartialAnswer",
    "PlannedRequests",
    "RopeGroup",
    "RopeLabel",
    "Sampling",
    "ServerAbsentError",
    "ServersModel",
    "StreamsAnswers",
    "ThoughtRule",
    "addressed",
    "answer_end",
    "answer_greedily",
    "backend_name",
    "backend_names",
    "check_attention",
    "check_device_map",
    "check_key_may_go",
    "check_sampling",
    "end_ids",
    "endpoint_card",
    "endpoint_key",
    "endpoint_tokenizer",
    "examine",
    "is_address",
    "key_notes",
    "load_model",
    "named_endpoint",
    "own_overrides",
    "released_setting",
    "rope_labels",
    "same_address",
    "server_replicas",
]
