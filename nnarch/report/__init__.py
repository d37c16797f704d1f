"""A run as one HTML page that needs nothing else, and its pictures as PNG files beside it."""

from nnarch.report.characters import ColouredText, coloured_section, written_section
from nnarch.report.compared import compared_section
from nnarch.report.curves import curves_section
from nnarch.report.drawn import DrawnStepwise, drawn_section
from nnarch.report.films import Film, films_section
from nnarch.report.gallery import Example, cards_section, choose, gallery_section
from nnarch.report.heatmap import (
    AttentionMap,
    attention_picture,
    attention_section,
    heatmap_section,
)
from nnarch.report.highlights import highlights_beside
from nnarch.report.overlays import Looked, overlays_png, overlays_section
from nnarch.report.page import Highlight, Section, write_page
from nnarch.report.retrievals import (
    Found,
    Retrieval,
    retrieval_lines_section,
    retrievals_png,
    retrievals_section,
)
from nnarch.report.run import Run, neighbours, read_run, run_sections
from nnarch.report.scatter import scatter_section
from nnarch.report.slices import Segmented, slices_section
from nnarch.report.spikes import (
    PICTURE,
    Recording,
    WordTime,
    label_spans,
    spikes_section,
    word_times,
)
from nnarch.report.tables import Column, results_section, rows_section
from nnarch.report.tinted import TintedText, tinted_section
from nnarch.report.write import write_report

__all__ = [
    "PICTURE",
    "AttentionMap",
    "ColouredText",
    "Column",
    "DrawnStepwise",
    "Example",
    "Film",
    "Found",
    "Highlight",
    "Looked",
    "Recording",
    "Retrieval",
    "Run",
    "Section",
    "Segmented",
    "TintedText",
    "WordTime",
    "attention_picture",
    "attention_section",
    "cards_section",
    "choose",
    "coloured_section",
    "compared_section",
    "curves_section",
    "drawn_section",
    "films_section",
    "gallery_section",
    "heatmap_section",
    "highlights_beside",
    "label_spans",
    "neighbours",
    "overlays_png",
    "overlays_section",
    "read_run",
    "results_section",
    "retrieval_lines_section",
    "retrievals_png",
    "retrievals_section",
    "rows_section",
    "run_sections",
    "scatter_section",
    "slices_section",
    "spikes_section",
    "tinted_section",
    "word_times",
    "write_page",
    "write_report",
    "written_section",
]
