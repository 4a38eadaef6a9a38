package digest

import (
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func english() words {
	return words{
		Language:    "en",
		SubjectOne:  "CRM: 1 operation failed",
		SubjectMany: "CRM: %d operations failed",
		TitleOne:    "1 operation failed",
		TitleMany:   "%d operations failed",
		Intro:       "The link between the CRMs could not carry out what follows. Each entry says why, and what to do.",
		Again: "This e-mail was possibly sent before: the first time we had no confirmation. " +
			"If you already have one with the same reference, ignore this one.",
		LeftOne:     "One more operation follows in the next e-mail.",
		LeftMany:    "%d more operations follow in the next e-mails.",
		Operation:   "Operation",
		Record:      "Record",
		Twin:        "Linked record",
		Other:       "Compare with",
		Field:       "Field",
		WholeRecord: "the whole record",
		Error:       "Error",
		Todo:        "What to do",
		Since:       "Since",
		Times:       "tried %d times",
		Clock:       "2 Jan 2006 15:04 MST",
		Next:        "Once a record is corrected and saved, the link tries again by itself. Each problem is reported only once.",
		Reference:   "Reference",
		NoAns:       "Automatic e-mail: replies are not read.",
		Modules: map[crm.Module]string{
			crm.Contacts: "contact", crm.Companies: "company", crm.Leads: "lead",
		},
		Unread: "Message that could not be read",
		Drift:  both("Field of contacts in {target}, for all records", "Field of companies in {target}, for all records"),
		Brake:  "The link has stopped itself: the safety brake",
		Causes: map[string]string{
			fault.CauseUnreadable:     "{target} does not have, or does not show, this field.",
			fault.CauseUntranslatable: "The value has no counterpart in {target}.",
			fault.CauseAltered:        "{target} stored another value than it was sent.",
			fault.CauseLead:           "The person exists as a lead.",
			fault.CauseMandatory:      "A mandatory field is empty.",
			fault.CauseTwin:           "Several records match, or the one that does is linked to another already.",
			fault.CauseMerged:         "The records were merged in {source} and not in {target}.",
			fault.CauseDeleted:        "The linked record was deleted in {target}.",
			fault.CauseErased:         "The person's data was erased in {source}.",
			fault.CauseErasedTwin:     "A person's data was erased in {source}. The linked record was taken for the same person's: look whether it is before you delete it.",
			fault.CauseCrowded:        "Too many records in {target} have this value.",
			fault.CauseCleared: "This field was cleared {count} times within ten minutes, which looks like a wrong mapping or a broken import. " +
				"The link has stopped writing: it only observes.",
			fault.CauseOverwritten: "{count} records were overwritten within an hour, which looks like a wrong mapping or a broken import. " +
				"The link has stopped writing: it only observes.",
		},
		Operations: map[crm.Verb]map[crm.Kind]string{
			crm.Create:    both("Contact creation, from {source} to {target}", "Company creation, from {source} to {target}"),
			crm.Update:    both("Contact update, from {source} to {target}", "Company update, from {source} to {target}"),
			crm.Associate: both("Link of a contact to its company, from {source} to {target}", "Link of a company to its contacts, from {source} to {target}"),
			crm.Delete:    both("Contact deletion in {source}", "Company deletion in {source}"),
			crm.Restore:   both("Contact restore, from {source} to {target}", "Company restore, from {source} to {target}"),
			crm.Merge:     both("Contact merge in {source}", "Company merge in {source}"),
			crm.Erase:     both("Erasure of a person's data in {source}", "Erasure of a company's data in {source}"),
			crm.Message:   both("WhatsApp message to be logged in {target}", "WhatsApp message to be logged in {target}"),
			crm.Status:    both("WhatsApp message status to be logged in {target}", "WhatsApp message status to be logged in {target}"),
			crm.Replay:    both("Repeated attempt for a contact, from {source} to {target}", "Repeated attempt for a company, from {source} to {target}"),
		},
		Classes: map[fault.Kind]string{
			fault.Unknown:   "{target} gave an answer that we do not know.",
			fault.Refused:   "{target} did not accept the value.",
			fault.Conflict:  "{target} did not accept the record: it is in conflict with another one.",
			fault.Missing:   "The record no longer exists in {target}.",
			fault.Locked:    "The record is locked in {target}.",
			fault.Throttled: "{target} asked us to slow down.",
			fault.Down:      "{target} does not answer.",
			fault.Denied:    "{target} did not recognise the link.",
			fault.Stale:     "The record kept changing in {target} while it was written.",
			fault.Busy:      "The record was being worked on.",
			fault.Setup:     "The link is not completely set up.",
			fault.Ours:      "Internal error of the link.",
		},
		Hints: map[fault.Hint]string{
			fault.HintNone: "Open the record, check its data and save it again. " +
				"If the error comes back, forward this e-mail to whoever looks after the link.",
			fault.HintTooLong: "The text is too long for {target}. Shorten it in {source} and save.",
			fault.HintFormat: "The value is not in the required format: an e-mail, phone number, date or number is mistyped. " +
				"Correct it in {source} and save.",
			fault.HintPicklist: "{target} does not offer this option. Choose another one in {source}, " +
				"or ask the administrator of {target} to add it.",
			fault.HintUnmapped: "The mapping has no counterpart in {target} for this value of the list. Choose another one in {source}, " +
				"or ask whoever looks after the link to add the pair to the mapping (connector mapping).",
			fault.HintMissing: "{target} requires this, but it is empty in {source}. Fill it in and save.",
			fault.HintDuplicate: "Another record already has this value, or is the same person or company. " +
				"Open both records: merge them if they are the same, otherwise correct the value in one of them.",
			fault.HintProperty: "This field does not exist in {target}. " +
				"Ask the administrator of {target} to create it, or whoever looks after the link to leave it out.",
			fault.HintReadOnly: "This field cannot be changed in {target}. " +
				"Ask the administrator of {target} to make it editable, or whoever looks after the link to leave it out.",
			fault.HintAltered: "{target} accepted the value but stored a different one. " +
				"Compare the two records and write the right value in {source}.",
			fault.HintCurrency: "The amount is not in the home currency and is not converted. " +
				"Write it in the home currency in {source}, or enter it by hand in {target}.",
			fault.HintLead: "This person already exists in Zoho CRM as a Lead. " +
				"Convert the Lead into a contact; the link then goes on by itself.",
			fault.HintDeleted: "The record was deleted in {target}. If that is right, there is nothing to do; " +
				"if it should come back, ask whoever looks after the link to repeat the operation.",
			fault.HintMergeTwins: "The two records are the same person or company. Merge them by hand in {target}.",
			fault.HintErase:      "The erasure of this person's data was requested. Delete the person in {target} too.",
			fault.HintLocked: "The record is locked in {target}: it is in approval, in a process or being merged. " +
				"Complete that step; the link then tries again by itself.",
			fault.HintPermission: "The user of the link is not allowed to change this in {target}. " +
				"Ask the administrator of {target} for the permission.",
			fault.HintBrake: "For whoever looks after the link: see what happened (connector doctor, and connector explain for a single record), " +
				"mend the cause, then run connector resume. Nothing is lost: what changed meanwhile is carried across then.",
			fault.HintUnprocessed: "This is our error, not your data's: there is nothing to do, we are looking into it.",
		},
	}
}
