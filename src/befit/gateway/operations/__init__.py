"""What Befit can be asked to do, apart from the door that the question comes through."""

from befit.gateway.operations.operation import (
    NoParams,
    OpDocument,
    Operation,
    OperationCall,
    OpParams,
    long_operation,
    operation,
)
from befit.gateway.operations.registry import OPERATIONS, perform, perform_json

__all__ = [
    "OPERATIONS",
    "NoParams",
    "OpDocument",
    "OpParams",
    "Operation",
    "OperationCall",
    "long_operation",
    "operation",
    "perform",
    "perform_json",
]
