"""What a link's messages mean over time: who asks, who listens, and what is wrong."""
