import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.inference.providers.usage import ABSENT, read_usage
from befit.messages import TokenUsage


def _read(**fields: object) -> TokenUsage | None:
    return read_usage(msgspec.Raw(msgspec.json.encode(fields)))


def test_all_four_classes_are_read() -> None:
    assert _read(
        prompt_tokens=100,
        completion_tokens=20,
        total_tokens=120,
        prompt_tokens_details={"cached_tokens": 64, "audio_tokens": 0},
        completion_tokens_details={"reasoning_tokens": 8},
    ) == TokenUsage(input=100, cached_input=64, output=20, reasoning=8)


def test_reasoning_counted_beside_the_output_is_added_to_it() -> None:
    assert _read(
        prompt_tokens=10,
        completion_tokens=5,
        total_tokens=45,
        completion_tokens_details={"reasoning_tokens": 30},
    ) == TokenUsage(input=10, output=35, reasoning=30)


@pytest.mark.parametrize(
    "raw", [b"null", b"{}", b"[]", b'{"prompt_tokens":-1}', b'{"prompt_tokens":"many"}']
)
def test_missing_or_senseless_usage_is_unknown_not_zero(raw: bytes) -> None:
    assert read_usage(msgspec.Raw(raw)) is None
    assert read_usage(ABSENT) is None


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_parts_never_exceed_their_whole(i: int, o: int, cached: int, reasoning: int) -> None:
    usage = _read(
        prompt_tokens=i,
        completion_tokens=o,
        prompt_tokens_details={"cached_tokens": cached},
        completion_tokens_details={"reasoning_tokens": reasoning},
    )
    assert usage is not None
    assert usage.cached_input <= usage.input
    assert usage.reasoning <= usage.output
