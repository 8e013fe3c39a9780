"""Making judgements: drawing what to judge, checking it, agreement of judges, generated queries."""
