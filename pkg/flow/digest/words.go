package digest

import (
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

// words is everything that a mail says in one language. {source} is the system whose change could not be carried across,
// {target} the one that did not take it, {count} how often it happened.
type words struct {
	Language               string
	SubjectOne             string
	SubjectMany            string
	TitleOne, TitleMany    string
	Intro                  string
	Again                  string
	LeftOne, LeftMany      string
	Operation              string
	Record, Twin, Other    string
	Message, Perhaps       string // a message of WhatsApp, and a contact that it may belong to
	Field, WholeRecord     string
	Error, Todo            string
	Since, Times           string
	Clock                  string // layout of a time
	On                     string // layout of the day on which something happened, with the word before it
	Next, Reference, NoAns string
	NextChats              string // Next, where messages of WhatsApp are among the rows
	Modules                map[crm.Module]string
	Unread                 string              // an operation that could not even be read
	Drift                  map[crm.Kind]string // a property that a system lacks
	Brake                  string              // the stack stopped itself
	Twins                  string              // two contacts that WhatsApp shows to be one person's
	Causes                 map[string]string   // by the code of a cause of ours
	Operations             map[crm.Verb]map[crm.Kind]string
	Classes                map[fault.Kind]string // where the system's own message is missing
	Hints                  map[fault.Hint]string
}

// languages are the languages of a report. They are made when a report is written: consumers, which only note what is to be
// reported, start without them.
func languages() map[string]words { return map[string]words{"it": italian(), "en": english()} }

// both is an operation's name for either kind of record.
func both(contact, company string) map[crm.Kind]string {
	return map[crm.Kind]string{crm.Contact: contact, crm.Company: company}
}
