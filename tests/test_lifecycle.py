"""The addons come into a database that lived without them, and leave it again."""

from pathlib import Path

import pytest
from own_database import Database

SCRIPTS = Path(__file__).parent / "lifecycle"
ADDONS = ("sales_funnel_crm", "sales_funnel_report")

# What an addon may leave behind: everything the database is made of, and every
# record by which Odoo knows it.
INVENTORY = {
    "tables and views": """
        SELECT table_type, table_name FROM information_schema.tables
         WHERE table_schema = 'public'""",
    "columns": """
        SELECT table_name, column_name, data_type FROM information_schema.columns
         WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT tablename, indexname FROM pg_indexes WHERE schemaname = 'public'""",
    "sequences": "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'",
    "functions": """
        SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace""",
    "triggers": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "external ids": "SELECT module, name FROM ir_model_data",
    "models": "SELECT model FROM ir_model",
    "fields": "SELECT model, name FROM ir_model_fields",
    "selections": """
        SELECT field.model, field.name, selection.value
          FROM ir_model_fields_selection selection
          JOIN ir_model_fields field ON field.id = selection.field_id""",
    # Odoo registers anew, without making them, the foreign keys that a module it is
    # just uninstalling had on other modules' tables; so it does for its own modules.
    "registered constraints": "SELECT name FROM ir_model_constraint WHERE type <> 'f'",
    "relations": "SELECT name FROM ir_model_relation",
    "access rights": "SELECT name FROM ir_model_access",
    "rules": "SELECT name FROM ir_rule",
    "inheritances": """
        SELECT child.model, parent.model
          FROM ir_model_inherit inherit
          JOIN ir_model child ON child.id = inherit.model_id
          JOIN ir_model parent ON parent.id = inherit.parent_id""",
    "views": "SELECT id, name FROM ir_ui_view",
    "menus": "SELECT id, name->>'en_US' FROM ir_ui_menu",
    "actions": "SELECT id, type, name->>'en_US' FROM ir_actions",
    "scheduled actions": "SELECT cron_name FROM ir_cron",
    "sequences of Odoo": "SELECT name FROM ir_sequence",
    "parameters": "SELECT key FROM ir_config_parameter",
    "defaults": "SELECT id FROM ir_default",
    "filters": "SELECT name FROM ir_filters",
    "groups": "SELECT name->>'en_US' FROM res_groups",
    "assets": "SELECT bundle, path FROM ir_asset",
    "mail templates": "SELECT id FROM mail_template",
    "message subtypes": "SELECT id FROM mail_message_subtype",
    "activity types": "SELECT id FROM mail_activity_type",
    "files of records": """
        SELECT res_model, res_id, name FROM ir_attachment
         WHERE url IS NULL OR url NOT LIKE '/web/assets/%'""",
    "paper formats": "SELECT name FROM report_paperformat",
    "installed modules": "SELECT name FROM ir_module_module WHERE state = 'installed'",
    "lost reasons": "SELECT id, name->>'en_US' FROM crm_lost_reason",
    "tags": "SELECT id, name->>'en_US' FROM crm_tag",
    "stages": "SELECT id, name->>'en_US' FROM crm_stage",
    "deals": "SELECT id, name, stage_id, active FROM crm_lead",
}


@pytest.fixture(scope="module")
def life():
    """What the database held before, what was taken over, and what was left."""
    with Database("lifecycle") as database:
        database.run_script(SCRIPTS / "live.py")
        before = _take_inventory(database)
        database.run(f"--init={','.join(ADDONS)}")
        installed = _take_inventory(database)
        chains = database.run_script(SCRIPTS / "leave.py")
        yield {
            "before": before,
            "installed": installed,
            "after": _take_inventory(database),
            **{f"chains_{key}": value for key, value in chains.items()},
        }


def _take_inventory(database):
    """All that is in the database, by kind, as sets of readable lines."""
    return {
        kind: {" ".join(map(str, row)) for row in database.query(query)}
        for kind, query in INVENTORY.items()
    }


def _stay(name, entered, exited=None, kind=None, following=None, **more):
    """One stay as `lifecycle/leave.py` prints it."""
    return [
        name,
        more.get("exists", True),
        entered,
        exited,
        kind,
        following,
        more.get("reason"),
        more.get("origin", "tracking"),
    ]


def _first(*arguments, **more):
    """A first stay: nothing but the creation of the deal tells of it."""
    return _stay(*arguments, origin="inferred", **more)


EXPECTED = {
    "untouched": [_first("New", "01-05")],
    "moved": [
        _first("New", "01-05", "01-07", "advanced", "Qualified"),
        _stay("Qualified", "01-07", "01-10", "advanced", "Proposition"),
        _stay("Proposition", "01-10"),
    ],
    "moved back": [
        _first("Qualified", "01-05", "01-07", "moved_back", "New"),
        _stay("New", "01-07"),
    ],
    "won": [
        _first("New", "01-05", "01-20", "advanced", "Won"),
        _stay("Won", "01-20"),
    ],
    "won and archived": [
        _first("New", "01-05", "01-20", "advanced", "Won"),
        _stay("Won", "01-20"),
    ],
    "back from won": [
        _first("New", "01-05", "01-08", "advanced", "Won"),
        _stay("Won", "01-08", "01-12", "moved_back", "Proposition"),
        _stay("Proposition", "01-12"),
    ],
    "lost": [
        _first("New", "01-05", "01-08", "advanced", "Qualified"),
        _stay("Qualified", "01-08", "01-12", "lost", reason="Too expensive"),
    ],
    "restored": [
        _first("New", "01-05", "01-08", "lost", reason="Too expensive"),
        _stay("New", "01-15"),
    ],
    "archived": [_first("New", "01-05", "01-11", "on_hold")],
    "thawed": [_first("New", "01-05", "01-11", "on_hold"), _stay("New", "01-13")],
    "created won": [_first("Won", "01-05")],
    "created archived": [_first("New", "01-05", "01-05", "on_hold")],
    "moved untracked": [
        _first("New", "01-05", "01-10", "advanced", "Proposition"),
        _first("Proposition", "01-10"),
    ],
    "moved half untracked": [
        _first("New", "01-05", "01-07", "advanced", "Qualified"),
        _stay("Qualified", "01-07", "01-10", "advanced", "Proposition"),
        _first("Proposition", "01-10"),
    ],
    "lost untracked": [
        _first("New", "01-05", "01-12", "lost", reason="Too expensive"),
    ],
    "moved and lost untracked": [
        _first("New", "01-05", "01-08", "advanced", "Proposition"),
        _first("Proposition", "01-08", "01-12", "lost", reason="Too expensive"),
    ],
    "created late": [_first("Proposition", "01-05")],
    "without stage": [
        _first("New", "01-05", "01-08", "moved_back"),
        _stay(False, "01-08", exists=False),
    ],
    "archived untracked": [_first("New", "01-05", "01-12", "on_hold")],
    "stage deleted": [
        _first("New", "01-05", "01-07", "advanced"),
        _stay("Gone", "01-07", "01-09", "advanced", "Proposition", exists=False),
        _stay("Proposition", "01-09"),
    ],
    # What the loser's messages tell is the survivor's since the merge.
    "survivor": [
        _first("New", "01-03", "01-04", "advanced", "Qualified"),
        _stay("Qualified", "01-04", "01-06", "advanced", "Proposition"),
        _stay("Proposition", "01-06"),
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_take_over(life, name):
    assert life["chains_installed"][name] == EXPECTED[name]


def test_take_over_of_nothing_else(life):
    assert life["chains_installed"].keys() == EXPECTED.keys()


def test_take_over_in_batches_and_stopped(life):
    assert life["chains_in_batches"] == life["chains_installed"]
    assert life["chains_written"] == sum(map(len, EXPECTED.values()))
    assert life["chains_unchecked"] == []


def test_take_over_again_does_nothing(life):
    assert life["chains_again"] == 0


@pytest.mark.parametrize("kind", INVENTORY)
def test_uninstalled_without_a_trace(life, kind):
    left = life["after"][kind] - life["before"][kind]
    lost = life["before"][kind] - life["after"][kind]
    assert not left, "left behind"
    assert not lost, "taken along"


def test_inventory_sees_what_the_addons_bring(life):
    """Else the tests before this one prove nothing."""
    for kind in ("tables and views", "columns", "external ids", "views", "menus"):
        assert life["installed"][kind] - life["before"][kind]
