"""Write the winner's handover for the partner: a folder with which others can assess, reproduce and use a model."""

from recore.handover.run_files import read_run
from recore.handover.target_figures import parse_cut_offs
from recore.handover.writing import Handover, NotReproducedError, check_output_folder, write_handover
