"""The work: sample, lint, agree, generate judgements."""
