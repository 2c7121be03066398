"""What happened: the ledger of decisions, its receipts and its verification."""

from befit.audit.administrative import administrative_draft
from befit.audit.checkpoint_store import CheckpointStore
from befit.audit.checkpointing import Checkpointer, CheckpointPlan
from befit.audit.erasure import (
    Act,
    DueKeys,
    Erasure,
    ErasureReport,
    KeptDays,
    OpenWork,
    PersonalRows,
    Standing,
)
from befit.audit.events import Draft, Event, EventType, Ledger, Receipt, in_chain_order
from befit.audit.grammar import DecisionGrammar, Phase
from befit.audit.held import HeldNote, append_note, given_key, given_notes, held_notes
from befit.audit.index import (
    DecisionIndex,
    EventPointer,
    IndexedEvent,
    LogPosition,
    OpenDecision,
)
from befit.audit.key_chain import KeyChain
from befit.audit.keys import Keyring, load_keyring, open_keyring
from befit.audit.ledger import FileLedger, open_ledger
from befit.audit.note import NoteError, NoteVerifier
from befit.audit.opening import Repair
from befit.audit.projector import EventSink, Projector
from befit.audit.proving import (
    Claim,
    Proof,
    Prover,
    ShownSection,
    proof_json,
    reaches,
    shown_sections,
)
from befit.audit.reader import Disclosure, LedgerReader
from befit.audit.receipt_reader import ReceiptReader
from befit.audit.receipts import (
    ReceiptError,
    decode_receipt,
    encode_receipt,
    receipt_from_json,
    receipt_to_json,
    verify_receipt,
)
from befit.audit.record import ApprovalRecord, CallRecord, DecisionRecord, ReviewRecord, fold
from befit.audit.recovery import RecoveryReport, recover
from befit.audit.sealing import BoxError, KeyDestroyedError, Sealer
from befit.audit.sections import Sections
from befit.audit.signing_key import load_signer
from befit.audit.tables import RowTables, SealedTables
from befit.audit.verify import VerifyReport, verify
from befit.audit.verify_index import HeldIndex, IndexRow

__all__ = [
    "Act",
    "ApprovalRecord",
    "BoxError",
    "CallRecord",
    "CheckpointPlan",
    "CheckpointStore",
    "Checkpointer",
    "Claim",
    "DecisionGrammar",
    "DecisionIndex",
    "DecisionRecord",
    "Disclosure",
    "Draft",
    "DueKeys",
    "Erasure",
    "ErasureReport",
    "Event",
    "EventPointer",
    "EventSink",
    "EventType",
    "FileLedger",
    "HeldIndex",
    "HeldNote",
    "IndexRow",
    "IndexedEvent",
    "KeptDays",
    "KeyChain",
    "KeyDestroyedError",
    "Keyring",
    "Ledger",
    "LedgerReader",
    "LogPosition",
    "NoteError",
    "NoteVerifier",
    "OpenDecision",
    "OpenWork",
    "PersonalRows",
    "Phase",
    "Projector",
    "Proof",
    "Prover",
    "Receipt",
    "ReceiptError",
    "ReceiptReader",
    "RecoveryReport",
    "Repair",
    "ReviewRecord",
    "RowTables",
    "SealedTables",
    "Sealer",
    "Sections",
    "ShownSection",
    "Standing",
    "VerifyReport",
    "administrative_draft",
    "append_note",
    "decode_receipt",
    "encode_receipt",
    "fold",
    "given_key",
    "given_notes",
    "held_notes",
    "in_chain_order",
    "load_keyring",
    "load_signer",
    "open_keyring",
    "open_ledger",
    "proof_json",
    "reaches",
    "receipt_from_json",
    "receipt_to_json",
    "recover",
    "shown_sections",
    "verify",
    "verify_receipt",
]
