"""The settings of a workspace: every section of `befit.yaml` beside its models."""

from befit.settings.audit import AuditSettings
from befit.settings.detection import DetectionSettings
from befit.settings.identity import IdentitySettings
from befit.settings.settings import (
    BudgetLimit,
    BudgetSettings,
    Examination,
    GatewaySettings,
    Settings,
    SettingsFile,
    examine_reading,
    examine_workspace,
    load_settings,
)

__all__ = [
    "AuditSettings",
    "BudgetLimit",
    "BudgetSettings",
    "DetectionSettings",
    "Examination",
    "GatewaySettings",
    "IdentitySettings",
    "Settings",
    "SettingsFile",
    "examine_reading",
    "examine_workspace",
    "load_settings",
]
