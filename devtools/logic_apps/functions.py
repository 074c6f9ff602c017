"""The functions that expressions of Logic Apps know, with the least and the most arguments of each.

After the "Reference guide to workflow expression functions in Azure Logic Apps" (Microsoft Learn).
"""

from __future__ import annotations

_MANY = 100

_TABLE = """
0 0  guid item listCallbackUrl trigger triggerBody triggerOutputs workflow
0 1  action utcNow
1 1  actions appsetting array base64 base64ToBinary base64ToString binary bool body
1 1  dataUri dataUriToBinary dataUriToString decimal decodeBase64 decodeDataUri decodeUriComponent
1 1  empty encodeUriComponent first float formDataMultiValues int isFloat isInt items
1 1  iterationIndexes json last length not outputs parameters result reverse string
1 1  toLower toUpper trim triggerFormDataMultiValues triggerFormDataValue triggerMultipartBody
1 1  uriComponent uriComponentToBinary uriComponentToString uriHost uriPath uriPathAndQuery
1 1  uriPort uriQuery uriScheme variables xml dayOfMonth dayOfWeek dayOfYear ticks
1 2  sort startOfDay startOfHour startOfMonth
1 3  formatDateTime parseDateTime
2 2  add chunk contains dateDifference div endsWith equals formDataValue greater greaterOrEquals
2 2  indexOf join lastIndexOf less lessOrEquals mod mul multipartBody rand range removeProperty
2 2  skip split startsWith sub take xpath
2 3  addDays addHours addMinutes addSeconds convertFromUtc convertToUtc formatNumber
2 3  getFutureTime getPastTime slice substring
3 3  addProperty if nthIndexOf replace setProperty
3 4  addToTime convertTimeZone subtractFromTime
"""
_ANY_NUMBER = "concat coalesce createArray and or max min union intersection"


def _read() -> dict[str, tuple[int, int]]:
    found = {name.lower(): (1, _MANY) for name in _ANY_NUMBER.split()}
    for line in _TABLE.strip().splitlines():
        least, most, *names = line.split()
        found |= {name.lower(): (int(least), int(most)) for name in names}
    return found


ARGUMENTS = _read()
"""Least and most arguments by the name of the function in lower case: the case does not count."""
