"""The words of OpenAI's protocol: keys and values that are no content by themselves.

A key that is not here may be a caller's own, and is examined like any text.
"""

from __future__ import annotations

_KEYS = """
additionalProperties allowed_tools annotations anyOf arguments audio content custom data
default description detail effort enum file file_data file_id filename format
frequency_penalty function function_call functions id image_url include include_usage index
input input_audio instructions items json_schema logit_bias logprobs max_completion_tokens
max_tokens maxItems maximum messages metadata min_p minItems minimum modalities n name oneOf
parallel_tool_calls parameters pattern prediction presence_penalty prompt_cache_key properties
reasoning reasoning_content reasoning_effort refusal required response_format role schema seed
service_tier stop store stream_options strict temperature text title tool_call_id tool_calls
tool_choice tools top_k top_logprobs top_p type url user verbosity web_search_options
"""

KEYS = frozenset(_KEYS.split())
"""Keys of requests, messages, tools and JSON Schema."""

WORDS = frozenset({"system", "developer", "user", "assistant", "tool", "function", "text"})
"""Values that stand by themselves in most requests."""
