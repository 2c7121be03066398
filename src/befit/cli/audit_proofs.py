"""`befit audit checkpoint | prove | verifier | public-key | rotate-key`: what leaves the machine.

What an auditor takes along: checkpoints, proofs, the public key, and the program that
checks them without Befit.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import click
import msgspec

from befit.audit import append_note, load_signer, proof_json
from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import print_json, say
from befit.cli.session import perform
from befit.errors import Conflict, InvalidRequest, WorkspaceError

_FROM_HELP = "A file of checkpoints that you hold, as --out of `befit audit checkpoint` writes it."
_OUT = click.Path(path_type=Path, dir_okay=False)


class _Taken(msgspec.Struct):
    """What is printed of a checkpoint's document."""

    checkpoint: str
    public_key: str
    problem: str | None = None


class _Proven(msgspec.Struct):
    proof: dict[str, object]


class _Keys(msgspec.Struct):
    public_keys: list[str]


@click.command(epilog=example("befit audit checkpoint", "befit audit checkpoint --out held.txt"))
@click.option("--out", type=_OUT, metavar="FILE", help="Append it to this list of them too.")
@json_option
@workspace_option
def checkpoint(workspace: Workspace, out: Path | None, as_json: bool) -> int:
    """Sign where the ledger stands now.

    Keep checkpoints off this machine: whoever holds one finds out a ledger that was cut off,
    put back or written anew since. Exits 1 where it did not reach every place it is kept in.
    """
    document = perform(workspace, "audit.checkpoint", {})
    taken = msgspec.convert(document, _Taken)
    if out is not None:
        try:
            append_note(out, taken.checkpoint)
        except OSError as error:
            raise _unwritable(out, error) from None
    if as_json:
        print_json(document)
    else:
        click.echo(taken.checkpoint, nl=False)
    if taken.problem is not None:
        say(f"befit: {taken.problem}")
    return 0 if taken.problem is None else 1


@click.command(
    epilog=example(
        "befit audit prove dec_0192.. --out proof.json",
        "befit audit prove dec_0192.. --without-caller --from held.txt --out proof.json",
        "befit audit prove --from held.txt --out growth.json",
    )
)
@click.argument("decision_id", metavar="[ID]", required=False)
@click.option("--out", type=_OUT, metavar="FILE", help="A new file, instead of printing it.")
@click.option("--from", "held", type=_OUT, metavar="FILE", help=_FROM_HELP)
@click.option("--without-caller", is_flag=True, help="Do not disclose who asked.")
@json_option
@workspace_option
def prove(
    workspace: Workspace,
    decision_id: str | None,
    out: Path | None,
    held: Path | None,
    without_caller: bool,
    as_json: bool,
) -> None:
    """Prove a decision, or how the ledger grew, to someone who has nothing of Befit.

    ID is a decision's or its run's, or an administrative event's. The proof shows every event of
    it that there is, what each says and the salts of its commitments, each one's place in the
    ledger, and the signed checkpoint. With --from it is linked to a checkpoint that its reader
    holds. `befit audit verifier` writes the program that checks it.
    """
    if out is not None:
        _require_free(out)  # before anything is read, which is recorded
    params: dict[str, object] = {"id": decision_id, "shows_caller": not without_caller}
    if held is not None:
        params["checkpoints"] = checkpoints_of(held)
    text = proof_json(msgspec.convert(perform(workspace, "audit.prove", params), _Proven).proof)
    if out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)
        _tell_written(out, "the proof", as_json=as_json)


@click.command(epilog=example("befit audit verifier --out befit_verify.py"))
@click.option("--out", type=_OUT, metavar="FILE", required=True, help="A new file.")
@json_option
def verifier(out: Path, as_json: bool) -> None:
    """Write the program that checks proofs and receipts without Befit.

    One file; it needs Python 3.11 and the package cryptography. `python FILE --help` says how it
    is used.
    """
    _write(out, (resources.files("befit.audit") / "standalone.py").read_text("utf-8"))
    _tell_written(out, "the verifier", as_json=as_json)


@click.command(name="public-key", epilog=example("befit audit public-key > befit.pub"))
@json_option
@workspace_option
def public_key(workspace: Workspace, as_json: bool) -> None:
    """Print the public key that the ledger is signed with.

    Of a ledger whose key was rotated, --json lists all keys, oldest first.
    """
    _, chain = load_signer(workspace.befit_dir)
    if as_json:
        print_json({"public_keys": [key.text for key in chain.keys]})
    else:
        click.echo(chain.newest.text)


@click.command(name="rotate-key", epilog=example("befit audit rotate-key"))
@json_option
@workspace_option
def rotate_key(workspace: Workspace, as_json: bool) -> None:
    """Have a new key sign the ledger from here on.

    Old and new key endorse each other in the ledger, so whoever holds the first or the newest
    public key can verify the whole. Hand out the new one: it alone shows a key that was stolen
    and went on in secret. The old private key is deleted.
    """
    document = perform(workspace, "audit.rotate_key", {})
    if as_json:
        print_json(document)
        return
    keys = msgspec.convert(document, _Keys).public_keys
    click.echo(f"the ledger is signed by {keys[-1]} from here on; {len(keys)} keys so far")


def checkpoints_of(path: Path) -> str:
    """The text of a file of checkpoints.

    Raises:
        InvalidRequest: it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path} is not a file of checkpoints: not UTF-8") from None


def _write(path: Path, text: str) -> None:
    # A proof may say who asked: it is for its owner, who hands it on.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise _taken(path)


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} is there already", next_step="name another place")


def _unwritable(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(f"{path} cannot be written: {error.strerror}")


def _tell_written(path: Path, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(path)})
    else:
        say(f"{what} is in {path}")
