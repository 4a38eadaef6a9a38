// Package conversion says what a conversion event is and what it counts for: the strict reading of an event, its identity,
// the window that it belongs to, the counts that it adds to, the rates over them, when repeats are too many, and whether
// the counts agree with the events and with the CRM.
//
// It is pure functions over values: it reads no clock, opens no store, sends nothing. Time comes in as an argument. What
// the doors answer, how rows are keyed and written, who is told of an alarm is the business of the packages that use it.
//
//	e, err := conversion.Decode(body, received)    // the door, and the consumer again with the same instant
//	id := e.Identify(tenant)                       // the marker's key, the content's hash
//	v := marker.Judge(id.Hash, request, now)       // unico, ripetizione, duplicato, conflitto
//	c := conversion.Arrival{…}.Counts(id)          // what it adds to the row of its window
//
// Names of the wire format are Italian, as published: they are the values of the constants here and the codes of problems.
package conversion
