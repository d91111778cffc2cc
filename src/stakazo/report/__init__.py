"""The report: one HTML file that shows what was found, what was chosen and why, and plays what was made."""

from stakazo.report.data import ReportClip, ReportData, ReportVariant, Still
from stakazo.report.page import render, write_report
from stakazo.report.stills import stills_of

__all__ = ["ReportClip", "ReportData", "ReportVariant", "Still", "render", "stills_of", "write_report"]
