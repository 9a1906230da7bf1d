"""Webhooks by Standard Webhooks (standardwebhooks.com): what is said of a job's end, to whom, how signed."""
