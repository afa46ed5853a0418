"""Calls as no screen makes them: every public method of our models, with odd arguments.

Drawn from a seed: the same seed makes the same calls on the same database. What is odd
about generic methods of Odoo (``create``, ``write``, reading) are values that Odoo itself
takes; that it does not take others is not ours to mend.
"""

import base64
import inspect

OURS = "odoo.addons.sales_funnel"

# Of any parameter.
ODD = (
    *(None, False, True, 0, -1, 7, 2**31, 2**63, 1e308, -0.5, float("nan")),
    *("", "a", "ä" * 10_000, "a\0b", "\ud800", "=1+1", "<b>", "%s %(name)s {0}"),
    *("2026-01-31", "2026-02-30", "9999-12-31", "0001-01-01", "2026-01-31 10:00:00"),
    *("Mars/Olympus", "res.users,1", "[('id', '=', 1)]"),
    *([], [[]], [1, [2, {}]], ["a", None], {}, {"a": {"b": [1]}}, [1, 1, 2**40]),
)
DAYS = (False, "2026-01-31", "1900-01-01", "9999-12-31", "0001-01-01")
TEXTS = ("a", "Ünï ☎", "x" * 10_000, "<script>1</script>", "=1+1", "%s {0} %(a)s", "[]")
NUMBERS = (0, 1, -1, 30, 2**31 - 1, -(2**31))
AMOUNTS = (0, 1, -1, 0.005, 1e9, -1e9, 1e15)
FILES = (
    b"",
    b"deal;stage;entered\n1;New;2026-01-01\n",
    b"a,b\n\0,1\n",
    b"\xff\xfe\0",
    b"PK\x03\x04 no archive",
    b"id,stage\n" + b"1," * 500,
)
CONDITIONS = (
    *(
        ["id", ">", 0],
        ["user_id", "=", 2],
        ["name", "ilike", "a"],
        ["active", "=", False],
    ),
    *(["nope", "=", 1], ["id", "in", [2**40]], ["id", "=", 2**63], ["id", "in", [[1]]]),
    *(
        ["name", "=", "a\0b"],
        ["name", "ilike", "\ud800"],
        ["name", "~", "a"],
        [1, "=", 1],
    ),
    *(["create_date", ">", "no day"], ["create_date", ">", "9999-12-31"], ["id"]),
    *(
        ["expected_revenue", "=", "a"],
        ["user_id", "in", ["a", {}]],
        ["stage_id", "=", {}],
    ),
    *(["funnel_step_reached", "=", odd] for odd in (1, "a", "1:x:2", "[]", None, [])),
    *(
        ["partner_id.user_id.nope", "=", 1],
        ["user_id", "any", [["a", "=", 1]]],
        "&",
        "!",
    ),
)
OPTIONS = {
    "funnel_id": (1, 2, 2**31),
    "lens": ("cohort", "closed", "flow", "snapshot", "nope"),
    "rule": ("beyond", "visited", "strict"),
    "date_from": DAYS,
    "date_to": DAYS,
    "as_of": ("2026-01-31 10:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00"),
    "window_days": NUMBERS,
    "horizon_days": NUMBERS,
    "groupby": ("user_id", "name", "create_date:month", "tag_ids", "nope", "id:nope"),
    "compare": ({"date_from": "2025-01-01", "date_to": "2025-02-01"}, {"date_from": 1}),
    "unknown": (1,),
}
CONTEXT = {
    "lang": ("en_US", "xx_XX", "../etc", "a" * 300),
    "tz": ("Mars/Olympus", "", "Asia/Tokyo", "../etc/passwd", "a" * 300),
    "as_of_day": ODD,
    "days_before_expiry": ODD,
    "funnel_question": ODD,
    "active_ids": ([], [1], [2**40], [1, 2, 3]),
    "active_id": (1, False, 2**40),
    "active_model": ("crm.lead", "res.partner", "sale.order", "sales.risk"),
}
# Methods of Odoo that our models answer in their own way.
GENERIC = {
    *("create", "write", "unlink", "default_get", "fields_get", "get_views"),
    *("formatted_read_group", "search_read", "onchange"),
}
# Nothing is ours of what these do with odd arguments.
OF_ODOO = {"copy_data"}
# What of models of others is worth writing, besides our own fields.
FIELDS_OF_OTHERS = {
    *("name", "active", "stage_id", "user_id", "team_id", "partner_id", "type"),
    *("expected_revenue", "state", "lost_reason_id", "order_id", "product_id", "phone"),
}
# What Odoo itself asks for before it comes to us.
NEEDED = {
    "mail.compose.message": {
        "model": "sale.order",
        "res_ids": "[1]",
        "composition_mode": "comment",
        "body": "a",
    },
    "sms.composer": {
        "res_model": "res.partner",
        "res_ids": "[1]",
        "composition_mode": "mass",
        "body": "a",
    },
    "sale.order.line": {"order_id": 1, "name": "a"},
}
SOME_IDS = 12
MAGIC_COLUMNS = ("id", "create_date", "create_uid", "write_date", "write_uid")


def describe(env):
    """What there is to call, for :class:`Drawing`.

    :param env: environment of the superuser
    :return: ``{model: {"transient", "ids", "methods": {name: parameters, or None of
        those without records}, "fields": {name: [type, relation, keys]}}}``
    """
    described = {
        name: {
            "transient": env[name]._transient,
            "ids": _find_ids(env, name),
            "methods": methods,
            "fields": _find_fields(env[name]),
        }
        for name in sorted(env.registry.models)
        if (methods := _find_methods(env[name]))
    }
    relations = {
        relation
        for model in described.values()
        for _type, relation, _keys in model["fields"].values()
        if relation
    }
    for name in sorted(relations - described.keys()):
        described[name] = {"ids": _find_ids(env, name), "methods": {}}
    return described


def _find_methods(model):
    """:return: ``{name: [whether it needs no records, its parameters]}``"""
    methods = {}
    is_ours = model._original_module.startswith("sales_funnel")
    for name in sorted(dir(type(model))):
        classes = [cls for cls in type(model).mro() if name in vars(cls)]
        if not (
            not name.startswith("_")
            and name not in OF_ODOO
            and inspect.isfunction(getattr(type(model), name, None))
            and not any(
                getattr(vars(cls)[name], "_api_private", False) for cls in classes
            )
            and any(cls.__module__.startswith(OURS) for cls in classes)
        ):
            continue
        method = getattr(type(model), name)
        _self, *parameters = inspect.signature(method).parameters.values()
        methods[name] = [
            bool(getattr(method, "_api_model", False)),
            [
                parameter.name
                for parameter in parameters
                if parameter.kind is not parameter.VAR_KEYWORD
            ],
        ]
    if is_ours and not model._abstract:
        methods["search_read"] = [True, ["domain", "fields"]]
        if model._auto:
            methods.setdefault("create", [True, ["vals_list"]])
            methods.setdefault("write", [False, ["vals"]])
    return methods


def _find_ids(env, name):
    if env[name]._abstract:
        return []
    # the last ones are the company's of this world, the first ones Odoo's
    ids = env[name].with_context(active_test=False).search([], order="id").ids
    return ids[-SOME_IDS:]


def _find_fields(model):
    return {
        name: [
            field.type,
            field.comodel_name if field.relational else None,
            field.get_values(model.env) if field.type == "selection" else None,
        ]
        for name, field in sorted(model._fields.items())
        if (
            name not in MAGIC_COLUMNS
            and not field.inherited
            and (field.store or field.inverse)
            and (
                name in FIELDS_OF_OTHERS
                or any(module.startswith("sales_funnel") for module in field._modules)
            )
        )
    }


class Drawing:
    """Draws calls."""

    def __init__(self, random, described):
        """
        :param random: ``random.Random``
        :param dict described: by :func:`describe`
        """
        self.random = random
        self.described = described
        # generic methods less often than what is our own
        self.targets = [
            (model, method)
            for model, description in described.items()
            for method in description["methods"]
            for _weight in range(1 if method in GENERIC else 4)
        ]

    def draw(self):
        """:return: ``(model, method, args, kwargs, values)``; the call is on a new
        record of these values, whose id is put before ``args``, unless they are none
        """
        model, method = self.random.choice(self.targets)
        description = self.described[model]
        is_without_records, parameters = description["methods"][method]
        args, values = [], None
        if not is_without_records:
            is_needed = model in NEEDED or self.random.random() < 0.8
            if description["transient"] and is_needed:
                values = self._draw_values(model)
            else:
                args.append(self._draw_ids(model))
        kwargs = {}
        for name in parameters:
            value = self._draw_argument(model, method, name)
            # what is given by name must not come before what is not
            if method not in GENERIC and (kwargs or self.random.random() < 0.5):
                kwargs[name] = value
            else:
                args.append(value)
        if method == "action_set_lost":
            kwargs.update(self._draw_values(model, {"lost_reason_id"}))
        if context := self._draw_context():
            kwargs["context"] = context
        return model, method, args, kwargs, values

    def _draw_ids(self, model):
        known = self.described[model]["ids"]
        some = self.random.sample(known, min(len(known), 4))
        return self.random.choice(
            (
                *(some[:1] for _weight in range(12)),
                *(some[:2], some, [], False),
                *([2**31 - 1], [*some, 2**40], some[:1] * 2, [-1]),
                next(iter(some), False),
                # of a document, where those of reports are others
                self.random.sample(range(1, 40), 2)[:1],
            )
        )

    def _draw_argument(self, model, method, name):
        choice = self.random.choice
        fields = self.described[model]["fields"]
        if method in GENERIC:
            some = self.random.sample(sorted(fields), min(len(fields), 3))
            readings = {
                "vals": lambda: self._draw_values(model),
                "vals_list": lambda: choice(
                    (self._draw_values(model), [self._draw_values(model)])
                ),
                "domain": lambda: choice(
                    ([], [["id", ">", 0]], [["id", "in", [2**31]]])
                ),
                "views": lambda: [
                    [False, choice(("form", "list", "kanban", "search"))]
                ],
                "groupby": lambda: [
                    f"{name}:month" if fields[name][0].startswith("date") else name
                    for name in some[:1]
                ],
                "aggregates": lambda: ["__count"],
                "attributes": lambda: choice((None, ["string"])),
                "options": lambda: choice((None, {}, {"toolbar": True})),
                "limit": lambda: choice((None, 1, 80)),
                "offset": lambda: choice((0, 1, 10**6)),
                "having": list,
                "order": lambda: None,
            }
            return readings.get(name, lambda: some)()
        if self.random.random() < 0.3:
            return choice(ODD)
        return {
            "domain": lambda: [
                choice(CONDITIONS[:4] if self.random.random() < 0.5 else CONDITIONS)
                for _ in range(self.random.randint(0, 3))
            ],
            "options": lambda: self._draw_options(OPTIONS, 3),
            "until": lambda: choice(DAYS),
            "note": lambda: choice(TEXTS),
        }.get(name, lambda: choice(ODD))()

    def _draw_options(self, pools, most):
        names = self.random.sample(sorted(pools), self.random.randint(0, most))
        return {
            name: self.random.choice(pools[name] if self.random.random() < 0.8 else ODD)
            for name in names
        }

    def _draw_context(self):
        if self.random.random() < 0.5:
            return {}
        names = self.random.sample(sorted(CONTEXT), self.random.randint(1, 3))
        return {name: self.random.choice(CONTEXT[name]) for name in names}

    def _draw_values(self, model, names=()):
        fields = self.described[model]["fields"]
        names = names or self.random.sample(
            sorted(fields), self.random.randint(0, min(len(fields), 6))
        )
        return {
            **{name: self._draw_value(*fields[name]) for name in sorted(names)},
            **NEEDED.get(model, {}),
        }

    def _draw_value(self, kind, relation, keys):
        """:return: a value that Odoo takes for such a field"""
        choice = self.random.choice
        if relation:
            ids = self.random.sample(
                self.described[relation]["ids"],
                min(2, len(self.described[relation]["ids"])),
            )
            if kind == "many2one":
                return choice((False, *ids, *ids))
            return choice(([], [[6, 0, ids]], [[5]], [[4, ids[0]]] if ids else []))
        return {
            "selection": lambda: choice((False, *keys)),
            "boolean": lambda: choice((True, False)),
            "integer": lambda: choice(NUMBERS),
            "float": lambda: choice(AMOUNTS),
            "monetary": lambda: choice(AMOUNTS),
            "date": lambda: choice(DAYS),
            "datetime": lambda: choice(
                (False, "2026-01-31 10:00:00", "9999-12-31 23:59:59")
            ),
            "binary": lambda: base64.b64encode(choice(FILES)).decode(),
            "json": lambda: choice((False, {}, {"a": 1}, [1])),
            "reference": lambda: False,
        }.get(kind, lambda: choice((False, "", *TEXTS)))()
