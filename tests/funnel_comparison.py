"""What a report says beside what the reference says."""


class ComparisonMixin:
    """For test cases; needs ``_assert_found`` and ``_reason_key``."""

    def _assert_same(self, actual, expected, path, note=""):
        """Compare as far as ``expected`` goes, floats to the ninth digit.

        :param str path: where in the report this is, for the message
        :param str note: for the message, too
        """
        message = f"{path}: {note}"
        if isinstance(expected, dict):
            self.assertIsNotNone(actual, message)
            if path.endswith("lost_reasons"):
                actual = {self._reason_key(reason): reason for reason in actual}
                self.assertEqual(actual.keys(), expected.keys(), message)
            if path.endswith("domains"):
                # what counts nothing opens nothing
                expected = {key: found for key, found in expected.items() if found}
                self.assertEqual(
                    actual.keys() - {"size", "stuck"},
                    expected.keys() - {"size", "stuck"},
                    message,
                )
            for key, value in expected.items():
                self._assert_same(actual[key], value, f"{path}.{key}", note)
        elif isinstance(expected, list):
            self.assertEqual(len(actual), len(expected), message)
            for rank, (one, other) in enumerate(zip(actual, expected, strict=True)):
                self._assert_same(one, other, f"{path}.{rank}", note)
        elif isinstance(expected, set):
            self._assert_found(actual, expected, message)
        elif actual is None:
            self.assertIsNone(expected, message)
        elif isinstance(expected, float):
            self.assertAlmostEqual(actual, expected, 9, message)
        else:
            self.assertEqual(actual, expected, message)
