"""The scratch workspace: one of its own in a temporary folder, under the company's own rules.

What decides who may do what is copied: the policies, and what `befit.yaml` says of policy,
detection, tenants and undeclared content. Models, workflows, keys, people, documents and the
ledger are not; nothing of the company's is read beyond that, and nothing written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import msgspec
import yaml

from befit.catalog import Workspace, problems_as_error, write_template
from befit.settings import examine_workspace
from befit.vocabulary import DEFAULT_TENANT

WRITER = "leak-test-writer"
WRITING = "write-from-documents"
QUOTING = "ask-documents"
REVIEWED = "reviewed-answers"
_EMBEDDER = "minilm-l6"
_OTHER_TENANT = "leak-test-other"
_WORKFLOWS: Mapping[str, Mapping[str, object]] = {
    WRITING: {
        "description": "Answers in a model's own words from the documents.",
        "knowledge": {"mode": "write"},
        "requirements": {"able": ["write"]},
        "escalation": {"models": [WRITER]},
    },
    REVIEWED: {
        "description": "Answers from the documents that a person sees first.",
        "knowledge": {"mode": "quote"},
        "impact": "high",
    },
}
_COPIED = ("policy", "detection", "undeclared_class")


@contextmanager
def scratch_workspace(workspace: Workspace | None, writer_url: str) -> Generator[Workspace]:
    """Make it; nothing of it is left afterwards.

    Args:
        workspace: whose rules are tested; None: those that a new workspace has.
        writer_url: where the scripted model listens that stands in for one able to write.

    Raises:
        WorkspaceError: a file of the company's workspace is wrong.
    """
    folder = Path(tempfile.mkdtemp(prefix="befit-leak-test-"))
    try:
        write_template(folder)
        scratch = Workspace.at(folder)
        rules: Mapping[str, object] = {}
        if workspace is not None:
            rules = _rules_of(workspace)
            _copy_policies(workspace, scratch)
        _configure(scratch, rules, writer_url)
        yield scratch
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tenants_of(workspace: Workspace) -> tuple[str, str]:
    """The two tenants that are kept apart in it."""
    listed = _mapping(_mapping(_read(workspace)).get("identity"))["tenants"]
    others = [name for name in cast("list[str]", listed) if name != DEFAULT_TENANT]
    return DEFAULT_TENANT, others[0]


def _rules_of(workspace: Workspace) -> Mapping[str, object]:
    examination = examine_workspace(workspace)
    if examination.settings is None:
        raise problems_as_error(examination.problems)
    return _mapping(_read(workspace))


def _copy_policies(workspace: Workspace, scratch: Workspace) -> None:
    scratch.policies_dir.mkdir(exist_ok=True)
    for path in sorted(workspace.policies_dir.glob("*")):
        if path.is_file():
            shutil.copyfile(path, scratch.policies_dir / path.name)


def _configure(scratch: Workspace, rules: Mapping[str, object], writer_url: str) -> None:
    template = _mapping(_read(scratch))
    tenants = _mapping(rules.get("identity")).get("tenants")
    named = cast("list[str]", tenants) if isinstance(tenants, list) else []
    config = {
        "version": 1,
        **{key: rules[key] for key in _COPIED if key in rules},
        "identity": {"tenants": named if set(named) - {DEFAULT_TENANT} else [_OTHER_TENANT]},
        "models": {
            _EMBEDDER: _mapping(template["models"])[_EMBEDDER],
            WRITER: _writer(writer_url),
        },
    }
    # JSON is YAML, and nothing in it can be read as something else.
    scratch.config_file.write_bytes(msgspec.json.encode(config))
    for name, workflow in _WORKFLOWS.items():
        (scratch.workflows_dir / f"{name}.yaml").write_bytes(msgspec.json.encode(workflow))


def _writer(url: str) -> dict[str, object]:
    return {
        "via": "openai",
        "url": url,
        "model": WRITER,
        "zone": "device",
        "size": "large",
        "family": "scripted",
        "able": ["write"],
        "context_window": 32_768,
        "max_output_tokens": 1024,
        "capabilities": ["chat"],
    }


def _read(workspace: Workspace) -> object:
    return yaml.safe_load(workspace.config_file.read_text("utf-8"))


def _mapping(value: object) -> dict[str, object]:
    """A section as it was written; one that is left empty says nothing."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
