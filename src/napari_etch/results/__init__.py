"""The folder of results that a run leaves on disk: its files, and how it is written."""

from napari_etch.results.about import plain, read_summary, write_summary
from napari_etch.results.counted import COUNT_COLUMNS, write_counts
from napari_etch.results.files import (
    ADDED_FILE,
    ALL_FILES,
    BOUNDARY_FILE,
    BRIDGES_FILE,
    CONFIDENCE_FILE,
    FACETS_FILE,
    FRACTURE_FILE,
    FRACTURE_FILES,
    FRACTURE_TABLE_FILE,
    GRAINS_FILE,
    MEASURE_FILES,
    OVERLAY_FILE,
    REPAIR_FILES,
    RESULT_FILES,
    SHIFTS_FILE,
    SUMMARY_FILE,
    VOLUME_FILE,
    ResultExistsError,
    check_free,
    check_replaceable,
    check_writable,
    files_in,
    folder_beside,
    replace_folder,
    whole_file,
    write_whole,
)
from napari_etch.results.fractured import write_fracture
from napari_etch.results.measured import report_file, write_report
from napari_etch.results.pictures import bridge_colours, overlay_rgb
from napari_etch.results.repaired import bridge_table, write_repair
from napari_etch.results.segmented import summary_of, write_segmentation
from napari_etch.results.shifts import write_shifts
from napari_etch.results.volumes import write_volumes

__all__ = [
    "ADDED_FILE",
    "ALL_FILES",
    "BOUNDARY_FILE",
    "BRIDGES_FILE",
    "CONFIDENCE_FILE",
    "COUNT_COLUMNS",
    "FACETS_FILE",
    "FRACTURE_FILE",
    "FRACTURE_FILES",
    "FRACTURE_TABLE_FILE",
    "GRAINS_FILE",
    "MEASURE_FILES",
    "OVERLAY_FILE",
    "REPAIR_FILES",
    "RESULT_FILES",
    "SHIFTS_FILE",
    "SUMMARY_FILE",
    "VOLUME_FILE",
    "ResultExistsError",
    "bridge_colours",
    "bridge_table",
    "check_free",
    "check_replaceable",
    "check_writable",
    "files_in",
    "folder_beside",
    "overlay_rgb",
    "plain",
    "read_summary",
    "replace_folder",
    "report_file",
    "summary_of",
    "whole_file",
    "write_counts",
    "write_fracture",
    "write_repair",
    "write_report",
    "write_segmentation",
    "write_shifts",
    "write_summary",
    "write_volumes",
    "write_whole",
]
