"""Generate sample data, import instrument files, and split public from private data."""

from recore.dataset.codes import SuspectedCode, suspected_codes
from recore.dataset.grammar import QUESTIONS, Ambiguity
from recore.dataset.grids import Grid, grid_of_names
from recore.dataset.import_explanation import explain_import, may_need_import
from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Problem, Spectrum
from recore.dataset.plausibility import suspected_content_units, suspected_depth_unit
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample, mixed_targets
from recore.dataset.similar_names import note_similar_holes
from recore.dataset.splitting import Split, split_table
from recore.dataset.to_predict import FileSpectra, SampleOptions, read_spectra, write_samples
