"""The rooms whose mutants are drawn, and the tests that are asked about each."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _files(*patterns: str) -> list[str]:
    source = ROOT / "src"
    found = [path for one in patterns for path in sorted((source / "anglewise").glob(one))]
    return [str(path.relative_to(source)) for path in found if path.name != "__init__.py"]


def _tests(*names: str) -> list[str]:
    return [f"tests/test_{name}.py" for name in names]


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

TESTS = {
    "statistics": _tests(
        "statistics_betting",
        "statistics_bootstrap",
        "statistics_calibration",
        "statistics_decision",
        "statistics_inclusion",
        "statistics_planning",
        "statistics_prediction_powered",
        "statistics_sign_flip",
        "evaluation_agreement",
        "judge_agreement",
        "compare_trainings",
        "rag_relevance",
        "compare",
    ),
    "metrics": _tests(
        "evaluation_bounds",
        "evaluation_breadth",
        "evaluation_incomplete",
        "evaluation_informative",
        "evaluation_lists",
        "evaluation_oracles",
        "evaluation_pairs",
        "metric_spelling",
        "judged_as_trec_eval",
        "pool_favours",
        "pools_of_several",
        "random_pairs",
        "compare_beyond",
    ),
    "gauges": _tests(
        "gauge_alignment",
        "gauge_canonical",
        "gauge_certificates",
        "gauge_frames",
        "gauge_gap",
        "gauge_models",
        "gauge_witness",
        "audit",
        "audit_models",
        "audit_low_rank",
        "named_biases",
    ),
    "measures": _tests(
        "measure_laws",
        "many_measures",
        "linear_frames",
        "hubs",
        "adapter",
        "bias_frame",
        "gauge_frames",
        "search_exponents",
        "numbers_typed",
        "compare_tuned",
        "token_vectors",
        "few_rows_of_many_dimensions",
        "ranks_by_what_was_computed",
    ),
    "search": _tests(
        "search",
        "search_cost",
        "search_exponents",
        "search_laws",
        "search_ready",
        "index",
        "filtered_search",
        "token_vectors",
        "sparse_vectors",
        "many_measures",
        "rankers",
        "ranks_by_what_was_computed",
        "compare_tokens_and_sparse",
        "seen",
        "hubs",
    ),
    "verdict": _tests(
        "compare",
        "compare_gate",
        "compare_verdict",
        "verdict_laws",
        "compare_split",
        "compare_sequential",
        "compare_tuned",
        "compare_correlations",
        "compare_unjudged",
        "undefined_figures",
        "gates_know_candidates_again",
        "no_line_says_more_than_was_tested",
        "degenerate_ends",
        "sentences_depend_on_their_data",
        "weighed_by_traffic",
    ),
}
