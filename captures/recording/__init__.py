"""What `captures/record.py` needs: networks, group members, the stage, and the scenarios."""
