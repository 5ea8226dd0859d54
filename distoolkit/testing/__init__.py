"""Checks for plugin authors: does my method, metric or data set keep the contract?"""
