"""The job `zap`: a viewer who switches channels, and what that costs on this link."""
