"""HTML reports about a data file, a validation and a run."""

from recore.report.drift_report import drift_page
from recore.report.explore.file_report import STEPS, explore_file
from recore.report.page.content import Page
from recore.report.page.page_files import check_report_path, findings_json, write_page
from recore.report.run.run_report import REPORT_NAME, write_report
from recore.report.validate.submission_report import validate_submission
