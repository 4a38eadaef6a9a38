// Package whatsapp speaks with WhatsApp's Cloud API: a webhook source that verifies and reads Meta's deliveries, a client
// that sends messages, marks them read and fetches what people attach, the table that says what Meta's errors mean, and a
// check of the two subscriptions without which nothing arrives.
//
// It decides nothing: what is logged where, and who may be written to, is the business of the flow. A message that may have
// been sent is never sent again by this package; ErrUnknownOutcome says so. Meta's spellings do not leave it.
//
// The pages that the comments name lie below https://developers.facebook.com/documentation/business-messaging/whatsapp/.
package whatsapp
