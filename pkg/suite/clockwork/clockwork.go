// Package clockwork is what conversionClock has in AWS beside its table: Slack, and the CRM that it compares with. It wires no
// handler.
package clockwork

import (
	"net/http"

	"crm-connector/pkg/adapter/awsenv"
	"crm-connector/pkg/adapter/secret"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/slack"
	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/flow/counting"
	"crm-connector/pkg/suite/cloud"
	"crm-connector/pkg/suite/conversionclock"
	"crm-connector/pkg/suite/zohoaccess"
)

// Slack returns what posts alerts, nil on a stack that has no webhook of Slack's. It makes no call.
func Slack(c *cloud.Cloud) conversionclock.Slack {
	if !c.Slack() {
		return nil
	}
	secrets := secret.New(c.Caller(awsenv.SSM), c.Reader, c.Now)
	return &slack.Client{URL: secrets.One(settings.SlackWebhookURL), HTTP: http.DefaultTransport}
}

// CRM returns what says how many conversions Zoho knows, nil on a stack where it is not asked. It makes no call.
func CRM(c *cloud.Cloud, random func(n int64) int64) counting.CRM {
	at, own, zo := c.ZohoCount(), c.OwnEntries(), c.Zoho()
	if at == (settings.ZohoCount{}) || own.Missing() {
		return nil
	}
	client := zoho.New(zoho.Config{
		Tokens: zohoaccess.Open(c, zo, random), BaseURL: zo.URL, HTTP: http.DefaultTransport, Now: c.Now, Sleep: cloud.Sleep,
	})
	return &zoho.Count{Client: client, Module: at.Module, Time: at.Time, Channel: at.Channel, Tenant: conversion.TenantOf(own.Issuer, own.Subject)}
}
