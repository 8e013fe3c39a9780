"""From interactions to two verdicts, on a simulated catalogue: one to recommend, one for alikes.

    python examples/catalogue_to_verdicts.py

With a table of your own replace ``simulate(...).interactions`` by
``aw.read_interactions("ratings.csv")``.
"""

import anglewise as aw
from anglewise.experiment.catalogue import simulate
from anglewise.recommender_models.fit import fit

MEASURES = ["dot", "cosine", "euclidean", "norm(0,0.5)", "cosine@centred"]

films = simulate(n_users=1_500, n_items=300).interactions
fitted = fit(films, components=32, penalty=1_000)

for direction, judgements in fitted.judgements.items():
    verdict = aw.compare(fitted.space, judgements, MEASURES).verdict
    print(f"{direction}: {verdict}")

about = fitted.space.items.metadata
rare = about["popularity"].index(min(about["popularity"]))
found = aw.search(fitted.space, MEASURES, k=3, direction="items-items")
print(f"\nnearest to {about['title'][rare]!r}, the rarest film:")
for measure, neighbours in found.items():
    print(f"  {measure:15}", "; ".join(about["title"][row] for row in neighbours.indices[rare]))
