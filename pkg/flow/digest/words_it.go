package digest

import (
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func italian() words {
	return words{
		Language:    "it",
		SubjectOne:  "CRM: 1 operazione non riuscita",
		SubjectMany: "CRM: %d operazioni non riuscite",
		TitleOne:    "1 operazione non riuscita",
		TitleMany:   "%d operazioni non riuscite",
		Intro: "Il collegamento tra i CRM non è riuscito a portare a termine quanto segue. " +
			"Per ogni voce trovate il motivo e che cosa fare.",
		Again: "Questa e-mail è forse già stata inviata: la prima volta non abbiamo ricevuto conferma. " +
			"Se avete già ricevuto lo stesso riferimento, ignoratela.",
		LeftOne:     "Un'altra operazione seguirà nella prossima e-mail.",
		LeftMany:    "Altre %d operazioni seguiranno nelle prossime e-mail.",
		Operation:   "Operazione",
		Record:      "Scheda",
		Twin:        "Scheda collegata",
		Other:       "Da confrontare con",
		Message:     "Messaggio",
		Perhaps:     "Contatto possibile",
		Field:       "Campo",
		WholeRecord: "tutta la scheda",
		Error:       "Errore",
		Todo:        "Che cosa fare",
		Since:       "Dal",
		Times:       "tentata %d volte",
		Clock:       "02/01/2006 15:04 MST",
		On:          " il 02/01/2006",
		Next: "Quando una scheda viene corretta e salvata, il collegamento riprova da solo. " +
			"Ogni problema viene segnalato una volta sola.",
		NextChats: "Quando una scheda viene corretta e salvata, il collegamento riprova da solo; un messaggio WhatsApp che non è partito non viene inviato di nuovo. " +
			"Ogni problema viene segnalato una volta sola.",
		Reference: "Riferimento",
		NoAns:     "E-mail automatica: le risposte non vengono lette.",
		Modules: map[crm.Module]string{
			crm.Contacts: "contatto", crm.Companies: "azienda", crm.Leads: "lead",
		},
		Unread: "Messaggio che non siamo riusciti a leggere",
		Drift:  both("Campo dei contatti in {target}, per tutte le schede", "Campo delle aziende in {target}, per tutte le schede"),
		Brake:  "Il collegamento si è fermato da solo: freno di sicurezza",
		Twins:  "Due contatti in {target} che su WhatsApp sono la stessa persona",
		Causes: map[string]string{
			fault.CauseUnreadable:              "{target} non ha, o non mostra, questo campo.",
			fault.CauseUntranslatable:          "Il valore non ha un corrispondente in {target}.",
			untranslatable(fault.HintFormat):   "Il valore non ha il formato richiesto.",
			untranslatable(fault.HintTooLong):  "Il valore è più lungo, o più grande, di quanto {target} accetti.",
			untranslatable(fault.HintMissing):  "Il campo è vuoto.",
			untranslatable(fault.HintReadOnly): "{target} non permette di scrivere questo campo.",
			untranslatable(fault.HintCurrency): "Gli importi sono in due valute diverse.",
			fault.CauseAltered:                 "{target} ha salvato un valore diverso da quello inviato.",
			fault.CauseCut:                     "{source} contiene solo l'inizio del testo di {target}, ed è stato modificato lì.",
			fault.CauseLead:                    "La persona è già presente come Lead.",
			fault.CauseMandatory:               "Manca un dato obbligatorio.",
			fault.CauseTwin:                    "Più schede corrispondono, oppure quella che corrisponde è già collegata a un'altra.",
			fault.CauseMerged:                  "Le schede sono state unite in {source}, ma non in {target}.",
			fault.CauseDeleted:                 "La scheda collegata è stata eliminata in {target}{on}.",
			fault.CauseErased:                  "I dati della persona sono stati cancellati in {source}.",
			fault.CauseErasedTwin:              "I dati di una persona sono stati cancellati in {source}. La scheda collegata risultava della stessa persona: verificarlo prima di eliminarla.",
			fault.CauseCrowded:                 "Troppe schede in {target} hanno questo valore.",
			fault.CauseUnknownOutcome:          "Non sappiamo se il messaggio è partito: WhatsApp non ha risposto e non ne ha comunicato lo stato.",
			fault.CauseNotSent:                 "Il messaggio ha aspettato troppo e non è partito: il collegamento non scriveva, oppure un sistema che serve non rispondeva.",
			fault.CauseCorrupt:                 "Ciò che era conservato del messaggio non si può leggere.",
			fault.CauseUnwrittenOut:            "La persona non vuole più messaggi, ma per giorni non è stato possibile scriverlo sulla scheda. I messaggi sono comunque fermi.",
			fault.CauseUnwrittenIn:             "La persona vuole di nuovo i messaggi, ma per giorni non è stato possibile scriverlo sulla scheda.",
			fault.CauseFile:                    "Per giorni non è stato possibile scaricare o conservare un file della persona. Si trova in WhatsApp.",
			fault.CauseNobody:                  "Nulla dice di chi è il messaggio.",
			fault.CauseNoNumber:                "La persona non mostra il numero, e in {target} non c'è un campo per il suo identificativo WhatsApp.",
			windowClosed:                       "La persona non ha scritto nelle ultime 24 ore: WhatsApp accetta solo un modello (template) approvato.",
			optedOut:                           "La persona non vuole messaggi.",
			fault.CauseCleared: "Questo campo è stato svuotato {count} volte in dieci minuti: sembra una mappatura sbagliata o un'importazione difettosa. " +
				"Il collegamento non scrive più: osserva soltanto.",
			fault.CauseOverwritten: "{count} schede sono state sovrascritte in un'ora: sembra una mappatura sbagliata o un'importazione difettosa. " +
				"Il collegamento non scrive più: osserva soltanto.",
		},
		Operations: map[crm.Verb]map[crm.Kind]string{
			crm.Create:    both("Creazione di un contatto, da {source} a {target}", "Creazione di un'azienda, da {source} a {target}"),
			crm.Update:    both("Modifica di un contatto, da {source} a {target}", "Modifica di un'azienda, da {source} a {target}"),
			crm.Associate: both("Collegamento di un contatto alla sua azienda, da {source} a {target}", "Collegamento di un'azienda ai suoi contatti, da {source} a {target}"),
			crm.Delete:    both("Eliminazione di un contatto in {source}", "Eliminazione di un'azienda in {source}"),
			crm.Restore:   both("Ripristino di un contatto, da {source} a {target}", "Ripristino di un'azienda, da {source} a {target}"),
			crm.Merge:     both("Unione di contatti in {source}", "Unione di aziende in {source}"),
			crm.Erase:     both("Cancellazione dei dati di una persona in {source}", "Cancellazione dei dati di un'azienda in {source}"),
			crm.Message:   both("Registrazione di un messaggio WhatsApp in {target}", "Registrazione di un messaggio WhatsApp in {target}"),
			crm.Status:    both("Registrazione dello stato di un messaggio WhatsApp in {target}", "Registrazione dello stato di un messaggio WhatsApp in {target}"),
			crm.Send:      both("Invio di un messaggio WhatsApp", "Invio di un messaggio WhatsApp"),
			crm.Replay:    both("Nuovo tentativo per un contatto, da {source} a {target}", "Nuovo tentativo per un'azienda, da {source} a {target}"),
		},
		Classes: map[fault.Kind]string{
			fault.Unknown:   "{target} ha dato una risposta che non conosciamo.",
			fault.Refused:   "{target} non ha accettato il valore.",
			fault.Conflict:  "{target} non ha accettato la scheda: è in conflitto con un'altra.",
			fault.Missing:   "La scheda non esiste più in {target}.",
			fault.Locked:    "La scheda è bloccata in {target}.",
			fault.Throttled: "{target} ha chiesto di rallentare.",
			fault.Down:      "{target} non risponde.",
			fault.Denied:    "{target} non ha riconosciuto il collegamento.",
			fault.Stale:     "La scheda cambiava in {target} mentre veniva scritta.",
			fault.Busy:      "La scheda era già in lavorazione.",
			fault.Setup:     "La configurazione del collegamento non è completa.",
			fault.Ours:      "Errore interno del collegamento.",
		},
		Hints: map[fault.Hint]string{
			fault.HintNone: "Aprire la scheda, controllare i dati e salvarla di nuovo. " +
				"Se l'errore ritorna, inoltrare questa e-mail a chi gestisce il collegamento.",
			fault.HintTooLong: "Il valore è troppo lungo, o troppo grande, per {target}. Correggerlo in {source} e salvare.",
			fault.HintCut:     "Il testo in {target} è più lungo di quanto {source} possa contenere. Riportare la modifica a mano in {target}, oppure accorciare lì il testo.",
			fault.HintFormat: "Il valore non ha il formato richiesto: un'e-mail, un telefono, una data o un numero scritto male. " +
				"Correggerlo in {source} e salvare.",
			fault.HintPicklist: "{target} non offre questa opzione. Sceglierne un'altra in {source}, " +
				"oppure chiedere a chi amministra {target} di aggiungerla.",
			fault.HintUnmapped: "La mappatura non ha un corrispondente in {target} per questo valore dell'elenco. Sceglierne un altro in {source}, " +
				"oppure chiedere a chi gestisce il collegamento di aggiungere la coppia alla mappatura (connector mapping).",
			fault.HintMissing: "{target} richiede questo dato, ma in {source} è vuoto. Compilarlo e salvare.",
			fault.HintDuplicate: "Un'altra scheda ha già questo valore, oppure è la stessa persona o azienda. " +
				"Aprire entrambe le schede: unirle se sono la stessa, altrimenti correggere il valore in una delle due.",
			fault.HintProperty: "Questo campo non esiste in {target}. " +
				"Chiedere a chi amministra {target} di crearlo, oppure a chi gestisce il collegamento di escluderlo.",
			fault.HintReadOnly: "In {target} questo campo non si può modificare. " +
				"Chiedere a chi amministra {target} di renderlo modificabile, oppure a chi gestisce il collegamento di escluderlo.",
			fault.HintAltered: "{target} ha accettato il valore ma ne ha salvato uno diverso. " +
				"Confrontare le due schede e scrivere il valore giusto in {source}.",
			fault.HintCurrency: "Una delle due schede ha l'importo in una valuta diversa da quella principale, e gli importi non vengono convertiti. " +
				"Portare quella scheda nella valuta principale, oppure inserire l'importo a mano in {target}.",
			fault.HintLead: "Questa persona in Zoho CRM è già presente come Lead. " +
				"Convertire il Lead in contatto: il collegamento proseguirà da solo.",
			fault.HintDeleted: "La scheda è stata eliminata in {target}. Se è giusto così, non occorre fare nulla; " +
				"se deve tornare, chiedere a chi gestisce il collegamento di ripetere l'operazione.",
			fault.HintMergeTwins: "Le due schede indicate sono la stessa persona o azienda. Unirle a mano in {target}.",
			fault.HintErase:      "È stata chiesta la cancellazione dei dati di questa persona. Eliminarla anche in {target}.",
			fault.HintLocked: "La scheda è bloccata in {target}: è in approvazione, in un processo o in fase di unione. " +
				"Completare quel passaggio; poi il collegamento riprova da solo.",
			fault.HintPermission: "L'utente del collegamento non ha il permesso di modificare questo dato in {target}. " +
				"Chiedere a chi amministra {target} di concederlo.",
			fault.HintBrake: "Per chi gestisce il collegamento: vedere che cosa è successo (connector doctor, e connector explain per una singola scheda), " +
				"correggere la causa, poi eseguire connector resume. Non si perde nulla: quello che cambia nel frattempo verrà riportato allora.",
			fault.HintWindow: "Inviare un modello (template), oppure attendere che la persona scriva: da allora il testo libero è ammesso per 24 ore. " +
				"Il messaggio non è partito e non viene inviato di nuovo da solo.",
			fault.HintTemplate: "Correggere il modello (template) in WhatsApp Manager, o il nome, la lingua e i parametri con cui viene richiesto. " +
				"Poi inviare di nuovo il messaggio.",
			fault.HintRequest: "Correggere il messaggio (testo, destinatario, parametri) in chi lo invia, poi inviarlo di nuovo.",
			fault.HintNumber: "Controllare il numero sulla scheda: forse non ha WhatsApp, o non è più di questa persona. " +
				"Se è giusto, contattarla in un altro modo.",
			fault.HintOptedOut: "Non scriverle su WhatsApp finché non lo chiede lei. Non occorre altro.",
			fault.HintLater: "Il messaggio non è partito. Se serve ancora, inviarlo di nuovo più tardi; se il motivo è un limite, non prima di 24 ore. " +
				"Se l'errore ritorna, controllare lo stato del numero in WhatsApp Manager.",
			fault.HintAccount: "Chiedere a chi amministra l'account WhatsApp di controllare in WhatsApp Manager ciò che l'errore dice (pagamento, numero, permessi, token). " +
				"Poi inviare di nuovo il messaggio.",
			fault.HintLook: "Prima di inviarlo di nuovo, guardare nella conversazione su WhatsApp, o chiedere alla persona, se il messaggio è arrivato. " +
				"Se è arrivato non occorre altro.",
			fault.HintSend: "Il messaggio non è partito e non viene inviato di nuovo da solo. Se serve ancora, inviarlo di nuovo; " +
				"se l'errore ritorna, inoltrare questa e-mail a chi gestisce il collegamento.",
			fault.HintWhose: "Aprire i contatti indicati: unirli se sono la stessa persona, altrimenti togliere il numero da quelli in cui è sbagliato. " +
				"Ciò che la persona ha scritto viene poi registrato da solo, al più tardi il giorno dopo e per 30 giorni; un messaggio da inviare va inviato di nuovo.",
			fault.HintReplay: "Ciò che la persona ha scritto è in WhatsApp, ma non sulla scheda. Far correggere in {target} ciò che l'errore dice, " +
				"poi chiedere entro 30 giorni a chi gestisce il collegamento di ripetere l'operazione (connector parked replay).",
			fault.HintByHand: "Riportare a mano sulla scheda ciò che manca: il collegamento non lo ripete. " +
				"Se l'errore ritorna, inoltrare questa e-mail a chi gestisce il collegamento.",
			fault.HintUnprocessed: "È un errore nostro, non dei vostri dati: non occorre fare nulla, lo stiamo esaminando.",
		},
	}
}
