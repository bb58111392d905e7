"""Hosts that do not exist: members of groups that answer queries as Linux would.

::

    Plan -> residents (one Host each) -> Responder: runner, frames kept ready, what it tells
            own_stack: nobody else may answer from here
"""
