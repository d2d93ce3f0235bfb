"""The operator's commands, a module for each subject; ``cli.py`` puts them under ``idp``."""

from idp.commands import agency_rules, audit, clients, departures, disclosures, operator, owners, staff

GROUPS = (disclosures.disclosure, *owners.GROUPS, *clients.GROUPS, *operator.GROUPS)
"""Groups of commands, in the order in which ``idp --help`` shows what else there is."""
COMMANDS = (*departures.COMMANDS, *agency_rules.COMMANDS, *staff.COMMANDS, *audit.COMMANDS)
"""Commands of a subject of their own that belong into one of the groups: group and command."""
