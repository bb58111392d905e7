"""Pictures of an analysis: who queries, who listens since when, how fast hosts answer."""
