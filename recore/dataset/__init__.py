"""Makes the sample data, and imports instrument files."""

from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore.dataset.instruments.files import Reading
from recore.dataset.plausible import suspected_content_units, suspected_depth_unit
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample
