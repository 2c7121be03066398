"""What happened: the ledger of decisions, its receipts and its verification."""

from befit.audit.checkpoint_store import CheckpointStore
from befit.audit.events import Draft, Event, EventType, Ledger, Receipt, in_chain_order
from befit.audit.grammar import DecisionGrammar, Phase
from befit.audit.index import (
    DecisionIndex,
    EventPointer,
    IndexedEvent,
    LogPosition,
    OpenDecision,
)
from befit.audit.keys import Keyring, load_keyring, open_keyring
from befit.audit.ledger import FileLedger, open_ledger
from befit.audit.note import NoteError, NoteVerifier
from befit.audit.opening import Repair
from befit.audit.projector import EventSink, Projector
from befit.audit.reader import LedgerReader
from befit.audit.receipts import (
    ReceiptError,
    decode_receipt,
    encode_receipt,
    receipt_from_json,
    receipt_to_json,
    verify_receipt,
)
from befit.audit.record import ApprovalRecord, CallRecord, DecisionRecord, fold
from befit.audit.recovery import RecoveryReport, recover
from befit.audit.sealing import BoxError, KeyDestroyedError, Sealer
from befit.audit.sections import Sections
from befit.audit.tables import RowTables, SealedTables
from befit.audit.verify import VerifyReport, verify

__all__ = [
    "ApprovalRecord",
    "BoxError",
    "CallRecord",
    "CheckpointStore",
    "DecisionGrammar",
    "DecisionIndex",
    "DecisionRecord",
    "Draft",
    "Event",
    "EventPointer",
    "EventSink",
    "EventType",
    "FileLedger",
    "IndexedEvent",
    "KeyDestroyedError",
    "Keyring",
    "Ledger",
    "LedgerReader",
    "LogPosition",
    "NoteError",
    "NoteVerifier",
    "OpenDecision",
    "Phase",
    "Projector",
    "Receipt",
    "ReceiptError",
    "RecoveryReport",
    "Repair",
    "RowTables",
    "SealedTables",
    "Sealer",
    "Sections",
    "VerifyReport",
    "decode_receipt",
    "encode_receipt",
    "fold",
    "in_chain_order",
    "load_keyring",
    "open_keyring",
    "open_ledger",
    "receipt_from_json",
    "receipt_to_json",
    "recover",
    "verify",
    "verify_receipt",
]
