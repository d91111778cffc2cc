"""The report: one HTML file that shows what was found, what was chosen and why, and plays what was made."""

from stakazo.report.data import ReportClip, ReportData, ReportPost, ReportProof, ReportVariant, Still
from stakazo.report.page import render, write_report

__all__ = ["ReportClip", "ReportData", "ReportPost", "ReportProof", "ReportVariant", "Still", "render", "write_report"]
