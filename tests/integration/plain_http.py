"""httpx for servers of this machine: plain HTTP needs no certificates, and loading them takes 23 ms."""

from functools import partial

import httpx

get, post, request = (partial(asks, verify=False) for asks in (httpx.get, httpx.post, httpx.request))
stream = partial(httpx.stream, verify=False)
