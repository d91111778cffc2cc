"""The report: one HTML file that shows what was found, what was chosen and why, and plays what was made."""
