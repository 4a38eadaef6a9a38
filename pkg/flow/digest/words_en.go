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
		Message:     "Message",
		Perhaps:     "Possible contact",
		Field:       "Field",
		WholeRecord: "the whole record",
		Error:       "Error",
		Todo:        "What to do",
		Since:       "Since",
		Times:       "tried %d times",
		Clock:       "2 Jan 2006 15:04 MST",
		On:          " on 2 Jan 2006",
		Next:        "Once a record is corrected and saved, the link tries again by itself. Each problem is reported only once.",
		NextChats: "Once a record is corrected and saved, the link tries again by itself; a WhatsApp message that did not go out is not sent again. " +
			"Each problem is reported only once.",
		Reference: "Reference",
		NoAns:     "Automatic e-mail: replies are not read.",
		Modules: map[crm.Module]string{
			crm.Contacts: "contact", crm.Companies: "company", crm.Leads: "lead",
		},
		Unread: "Message that could not be read",
		Drift:  both("Field of contacts in {target}, for all records", "Field of companies in {target}, for all records"),
		Brake:  "The link has stopped itself: the safety brake",
		Twins:  "Two contacts in {target} that are one person on WhatsApp",
		Causes: map[string]string{
			fault.CauseUnreadable:              "{target} does not have, or does not show, this field.",
			fault.CauseUntranslatable:          "The value has no counterpart in {target}.",
			untranslatable(fault.HintFormat):   "The value is not in the required format.",
			untranslatable(fault.HintTooLong):  "The value is longer, or larger, than {target} takes.",
			untranslatable(fault.HintMissing):  "The field is empty.",
			untranslatable(fault.HintReadOnly): "{target} does not let this field be written.",
			untranslatable(fault.HintCurrency): "The amounts are in two currencies.",
			fault.CauseAltered:                 "{target} stored another value than it was sent.",
			fault.CauseCut:                     "{source} holds only the beginning of the text of {target}, and it was edited there.",
			fault.CauseLead:                    "The person exists as a lead.",
			fault.CauseMandatory:               "A mandatory field is empty.",
			fault.CauseTwin:                    "Several records match, or the one that does is linked to another already.",
			fault.CauseMerged:                  "The records were merged in {source} and not in {target}.",
			fault.CauseDeleted:                 "The linked record was deleted in {target}{on}.",
			fault.CauseErased:                  "The person's data was erased in {source}.",
			fault.CauseErasedTwin:              "A person's data was erased in {source}. The linked record was taken for the same person's: look whether it is before you delete it.",
			fault.CauseCrowded:                 "Too many records in {target} have this value.",
			fault.CauseUnknownOutcome:          "Whether the message went out is not known: WhatsApp did not answer, and told no status of it.",
			fault.CauseNotSent:                 "The message waited too long and did not go out: the link did not write, or a system that is needed did not answer.",
			fault.CauseCorrupt:                 "What was kept of the message cannot be read.",
			fault.CauseUnwrittenOut:            "The person wants no more messages, which could not be written onto the record for days. Messages are stopped all the same.",
			fault.CauseUnwrittenIn:             "The person wants messages again, which could not be written onto the record for days.",
			fault.CauseFile:                    "A file of the person's could not be fetched or kept for days. It is in WhatsApp.",
			fault.CauseNobody:                  "Nothing tells whose message it is.",
			fault.CauseNoNumber:                "The person shows no number, and {target} has no field for their WhatsApp user id.",
			windowClosed:                       "The person has not written within the last 24 hours: WhatsApp takes an approved template only.",
			optedOut:                           "The person wants no messages.",
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
			crm.Send:      both("WhatsApp message to be sent", "WhatsApp message to be sent"),
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
			fault.HintTooLong: "The value is too long, or too large, for {target}. Correct it in {source} and save.",
			fault.HintCut:     "The text in {target} is longer than {source} takes. Make the change in {target} too, or shorten the text there.",
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
			fault.HintCurrency: "One of the two records has its amount in another currency than the home one, and amounts are not converted. " +
				"Bring that record to the home currency, or enter the amount by hand in {target}.",
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
			fault.HintWindow: "Send a template, or wait until the person writes: from then on free text is allowed for 24 hours. " +
				"The message did not go out and is not sent again by itself.",
			fault.HintTemplate: "Correct the template in WhatsApp Manager, or the name, language and parameters that it is asked for with. " +
				"Then send the message again.",
			fault.HintRequest: "Correct the message (text, recipient, parameters) where it is sent from, then send it again.",
			fault.HintNumber: "Look at the number on the record: perhaps it has no WhatsApp, or is no longer this person's. " +
				"If it is right, reach the person in another way.",
			fault.HintOptedOut: "Do not write to the person on WhatsApp until they ask for it. There is nothing else to do.",
			fault.HintLater: "The message did not go out. If it is still wanted, send it again later; where a limit is the reason, not before 24 hours. " +
				"If the error comes back, look at the state of the number in WhatsApp Manager.",
			fault.HintAccount: "Ask the administrator of the WhatsApp account to look in WhatsApp Manager at what the error says (payment, number, permissions, token). " +
				"Then send the message again.",
			fault.HintLook: "Before it is sent again, look in the conversation on WhatsApp, or ask the person, whether the message arrived. " +
				"If it did there is nothing else to do.",
			fault.HintSend: "The message did not go out and is not sent again by itself. If it is still wanted, send it again; " +
				"if the error comes back, forward this e-mail to whoever looks after the link.",
			fault.HintWhose: "Open the contacts: merge them if they are the same person, otherwise take the number off those where it is wrong. " +
				"What the person wrote is then logged by itself, a day later at the latest and for 30 days; a message to be sent has to be sent again.",
			fault.HintReplay: "What the person wrote is in WhatsApp but not on the record. Have mended in {target} what the error says, " +
				"then ask whoever looks after the link, within 30 days, to repeat the operation (connector parked replay).",
			fault.HintByHand: "Write by hand onto the record what is missing: the link does not repeat it. " +
				"If the error comes back, forward this e-mail to whoever looks after the link.",
			fault.HintUnprocessed: "This is our error, not your data's: there is nothing to do, we are looking into it.",
		},
	}
}
