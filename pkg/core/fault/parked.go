package fault

import (
	"time"

	"crm-connector/pkg/core/crm"
)

// Hint is the advice that a person gets with a parked operation. The digest has a sentence for each in every language.
type Hint string

// The hints.
const (
	HintNone        Hint = ""
	HintTooLong     Hint = "too_long"    // shorten the value
	HintFormat      Hint = "format"      // wrong format: e-mail, number, date, phone
	HintPicklist    Hint = "picklist"    // the other CRM does not offer this option
	HintUnmapped    Hint = "unmapped"    // the mapping has no counterpart for this value of a list
	HintMissing     Hint = "missing"     // a mandatory field is empty
	HintDuplicate   Hint = "duplicate"   // another record has this value, or is this person
	HintProperty    Hint = "property"    // the field does not exist in that CRM
	HintReadOnly    Hint = "read_only"   // the field cannot be written
	HintAltered     Hint = "altered"     // the CRM accepted the value and stored another
	HintCut         Hint = "cut"         // the CRM holds only the beginning of this text, and it was edited there
	HintCurrency    Hint = "currency"    // money in another currency
	HintLead        Hint = "lead"        // the person exists as a lead; convert it
	HintDeleted     Hint = "deleted"     // deleted in the other CRM; a replay creates it anew
	HintMergeTwins  Hint = "merge_twins" // merge these two records by hand
	HintErase       Hint = "erase"       // erase the person in the other CRM too
	HintLocked      Hint = "locked"      // the record is locked: approval, blueprint, merge
	HintPermission  Hint = "permission"  // the connector's user may not write this
	HintUnprocessed Hint = "unprocessed" // our own fault; we look into it
	HintBrake       Hint = "brake"       // the stack only observes; look, mend the cause, connector resume

	// Those of messages that were to be sent. None of them is sent again by itself.
	HintWindow   Hint = "window"     // free words are too late; a template may be sent
	HintTemplate Hint = "template"   // correct the template, or what is put into it
	HintRequest  Hint = "request"    // correct what was asked to be sent
	HintNumber   Hint = "number"     // the number cannot be reached; look at it
	HintOptedOut Hint = "opted_out"  // the person wants no messages
	HintLater    Hint = "later"      // a limit; send it later
	HintAccount  Hint = "account"    // something about the business's account at WhatsApp
	HintLook     Hint = "look"       // it may have gone out; look before it is sent again
	HintSend     Hint = "send_again" // send it again, if it is still wanted

	// Those of what was to be logged.
	HintWhose  Hint = "whose"   // the person may be any of several contacts
	HintReplay Hint = "replay"  // mend what the CRM refuses, then connector parked replay
	HintByHand Hint = "by_hand" // mend what the CRM refuses, and write by hand what is missing
)

// The causes that are ours and no system's answer. They stand in Code; the digest words them in the language of the mail.
const (
	CauseUnreadable     = "UNREADABLE"      // the system does not show the property
	CauseUntranslatable = "UNTRANSLATABLE"  // the value has no counterpart
	CauseAltered        = "ALTERED"         // another value was stored than was sent
	CauseCut            = "CUT"             // the text that was edited is only the beginning of the other system's
	CauseLead           = "EXISTS_AS_LEAD"  // the person is a lead
	CauseMandatory      = "MANDATORY_EMPTY" // a mandatory field is empty
	CauseTwin           = "TWIN_TAKEN"      // the twin has another twin, or there are several
	CauseMerged         = "MERGED"          // merged in one system and not in the other
	CauseDeleted        = "DELETED"         // deleted in the other system
	CauseErased         = "ERASED"          // erased in the other system
	CauseErasedTwin     = "ERASED_TWIN"     // its person was erased in the other system, as far as anybody can tell
	CauseCrowded        = "TOO_MANY_ROWS"   // more records of the other system have this value than can be told apart

	// Those of WhatsApp. Of a message that WhatsApp refused the code is Meta's, a number.
	CauseUnknownOutcome = "UNKNOWN_OUTCOME" // whether it was sent is not known
	CauseNotSent        = "NOT_SENT"        // it waited too long
	CauseCorrupt        = "CORRUPT"         // what was kept of it cannot be read
	CauseUnwrittenOut   = "OPT_OUT"         // that its person wants no messages could not be written
	CauseUnwrittenIn    = "OPT_IN"          // that its person wants messages again could not be written
	CauseFile           = "FILE"            // a file was not fetched
	CauseNobody         = "NOBODY"          // nothing tells whose it is
	CauseNoNumber       = "NO_NUMBER"       // its person shows no number, and has no other key

	// Those of the brake are about the stack and no record; Count is how many it were.
	CauseCleared     = "BRAKE_CLEARED"     // one field was cleared too often within ten minutes
	CauseOverwritten = "BRAKE_OVERWRITTEN" // too many records were overwritten within an hour
)

// Parked is one operation, or one field of it, that was given up on: everything that the mail may say. It holds no value
// of a record.
type Parked struct {
	ID         string // stable: the same record, field and reason give the same id
	Connection string
	Operation  string     // id of the operation
	Source     crm.System // where it came from, "" in rows of earlier versions and of the suite itself: where Record is
	Verb       crm.Verb
	Kind       crm.Kind
	Record     crm.ID     // the record whose change could not be carried across; without a key: all of the module; zero: the stack
	Target     crm.System // the system that refused
	TargetID   crm.ID     // its record there, zero when there is none
	Other      crm.ID     // another record that the reader must look at (a duplicate), zero when there is none
	More       []crm.ID   // further ones like Other
	Field      crm.Field  // "" when the whole operation was parked
	Property   string     // the field as the target calls it
	Class      Kind
	Code       string
	Message    string // the vendor's words, quoted values cut out; English
	Hint       Hint
	GoneAt     time.Time // when the other record was deleted, as far as we know; zero unless the row is about that
	Count      int
	First      time.Time
	Last       time.Time
	RetryAt    time.Time // zero: only a change, a replay or a new mapping tries again
	Digest     string    // id of the mail that told it, "" when it was not told yet
	MailAfter  time.Time // zero: at once; a locked record is told only after 24 h
}
