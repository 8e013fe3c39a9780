"""The rooms whose mutants are drawn, and the tests that are asked about each."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


def _files(*patterns: str) -> list[str]:
    found = [path for one in patterns for path in sorted((SOURCE / "anglewise").glob(one))]
    return [str(path.relative_to(SOURCE)) for path in found if path.name != "__init__.py"]


ROOMS = {
    "statistics": _files("statistics/*.py"),
    "metrics": _files("evaluation_metrics/*.py"),
    "gauges": _files("equivalent_factorisations/*.py"),
    "measures": _files("similarity_measures/*.py"),
    "search": _files("nearest_neighbours/*.py"),
    "verdict": _files(
        *(
            f"comparison/{name}.py"
            for name in ("verdict", "verdict_words", "inference", "conclusion", "gates", "split")
        ),
        *(f"comparison/{name}.py" for name in ("scoring", "evidence", "power", "stopping")),
    ),
}

NAMES = """
adapter atlas audit audit_low_rank audit_models bias_frame changes_of_model choices_are_weighed
compare compare_assisted compare_beyond compare_correlations compare_documents compare_gate
compare_history compare_sequential compare_spaces compare_split compare_tokens_and_sparse
compare_trainings compare_tuned compare_unjudged compare_verdict degenerate_ends
diagnostics_dimensions diagnostics_isotropy diagnostics_rank dimension_meter
evaluation_agreement evaluation_bounds evaluation_breadth evaluation_incomplete
evaluation_informative evaluation_lists evaluation_oracles evaluation_pairs
few_rows_of_many_dimensions files_of_tokens_and_sparse filtered_search filters from_model
gates_as_tests gates_know_candidates_again gauge_alignment gauge_canonical gauge_certificates
gauge_frames gauge_gap gauge_models gauge_witness how_it_was_drawn_travels hubs hubs_by_search
index inspect_gauge judge_agreement judge_sample judged_as_trec_eval linear_frames
looks_at_a_validation_set many_measures measure_laws member_certificates metric_spelling
named_biases no_line_says_more_than_was_tested normalisation numbers_typed numeric_options
odd_values_are_refused pool_favours pools_of_several popularity_of_odd_cells rag_relevance
random_maps_by_span random_pairs rankers ranks_by_what_was_computed reachable
recipes_for_queries recommend remedy_split remembered results_have_no_scale runs_beside_measures
search search_cost search_exponents search_laws search_ready seen sentences_depend_on_their_data
similar_items_of_several single_query slices_of_items sparse sparse_vectors statistics_betting
statistics_bootstrap statistics_calibration statistics_decision statistics_inclusion
statistics_planning statistics_prediction_powered statistics_sign_flip
the_order_of_rows_changes_nothing token_vectors tuning_of_stores undefined_figures verdict_laws
verdicts_say_what_they_suppose weighed_by_traffic witness_search
"""
TESTS = [f"tests/test_{name}.py" for name in NAMES.split()]
"""Asked about every room: what a test enters says where it counts."""


def files_of_tests() -> list[str]:
    """The files whose tests are asked, with the examples in the rooms' own files, from the root."""
    return sorted({*TESTS, *(f"src/{file}" for files in ROOMS.values() for file in files)})
