"""What Befit can be asked to do, apart from the door that the question comes through."""

from befit.gateway.operations.administration import record_administrative
from befit.gateway.operations.local import local_principal
from befit.gateway.operations.operation import (
    NoParams,
    OpDocument,
    Operation,
    OperationCall,
    OpParams,
    long_operation,
    operation,
)
from befit.gateway.operations.policy.detection_rows import detect_at_hand
from befit.gateway.operations.registry import OPERATIONS, perform, perform_json

__all__ = [
    "OPERATIONS",
    "NoParams",
    "OpDocument",
    "OpParams",
    "Operation",
    "OperationCall",
    "detect_at_hand",
    "local_principal",
    "long_operation",
    "operation",
    "perform",
    "perform_json",
    "record_administrative",
]
