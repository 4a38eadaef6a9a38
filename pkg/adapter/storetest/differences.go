package storetest

// Differences are all that the oracles are known to do otherwise than AWS. One that no longer occurs fails the suite. What
// AWS does was recorded against it or stands in its pages:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html and
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
var Differences = []Difference{
	{
		MiniStack, QueueSuite, "one delivery packs as many of a group as it can before the next group",
		"takes all that a group has before it goes to the next one", "takes one message of each group in turn",
	},
	{
		MiniStack, QueueSuite, "a touched group goes to the end of the rotation",
		"hands out the groups that were not touched first", "takes one message of each group in turn, by age",
	},
	{
		MiniStack, QueueSuite, "groups whose visibility ends come back behind the untouched ones",
		"hands out the groups that were not touched first", "hands out the oldest message first",
	},
	{
		MiniStack, QueueSuite, "a message set to visibility 0 is delivered again although its follower is in flight",
		"delivers a group up to its first invisible message", "blocks a group while any of its messages is invisible",
	},
	{
		MiniStack, QueueSuite, "the middle one of three in flight is extended: only the first comes after the expiry",
		"delivers a group up to its first invisible message", "blocks a group while any of its messages is invisible",
	},
	{
		MiniStack, QueueSuite, "the last one of three in flight is extended: the first two come after the expiry",
		"delivers a group up to its first invisible message", "blocks a group while any of its messages is invisible",
	},
	{
		MiniStack, QueueSuite, "a deletion after the visibility has expired is refused and the message comes again",
		"refuses an expired receipt of a FIFO queue", "deletes the message",
	},
	{
		MiniStack, QueueSuite, "a message that is deleted twice is gone both times",
		"takes the second deletion as a success", "answers ReceiptHandleIsInvalid",
	},
	{
		MiniStack, QueueSuite, "nothing is hidden for more than twelve hours",
		"refuses more than 43,200 s from the delivery", "lets more pass",
	},
	{
		MiniStack, QueueSuite, "a purge removes the messages and the memory of their ids",
		"forgets the deduplication ids with the messages", "removes the messages and remembers their ids",
	},
	{
		MiniStack, QueueSuite, "ids have 1 to 128 letters, digits and punctuation marks",
		"refuses other ids", "takes an id of 129 bytes",
	},
	{
		MiniStack, QueueSuite, "a redrive brings dead letters back in order",
		"has StartMessageMoveTask, for FIFO queues too", "does not know StartMessageMoveTask",
	},
	{
		ElasticMQ, QueueSuite, "a touched group goes to the end of the rotation",
		"hands out the groups that were not touched first", "hands out the groups in the order of their oldest message",
	},
	{
		ElasticMQ, QueueSuite, "groups whose visibility ends come back behind the untouched ones",
		"hands out the groups that were not touched first", "hands out the groups in the order of their oldest message",
	},
	{
		ElasticMQ, QueueSuite, "a deletion after the visibility has expired is refused and the message comes again",
		"refuses an expired receipt of a FIFO queue", "deletes the message",
	},
	{
		ElasticMQ, QueueSuite, "a message that is deleted twice is gone both times",
		"takes the second deletion as a success", "answers ReceiptHandleIsInvalid",
	},
	{
		ElasticMQ, QueueSuite, "nothing is hidden for more than twelve hours",
		"refuses more than 43,200 s from the delivery", "lets more pass",
	},
	{
		ElasticMQ, QueueSuite, "a deduplication id counts for its group",
		"has DeduplicationScope messageGroup", "ignores DeduplicationScope: an id counts for the whole queue",
	},
	{
		ElasticMQ, QueueSuite, "ids have 1 to 128 letters, digits and punctuation marks",
		"refuses other ids", "takes an id that ends in a line feed",
	},
	{
		ElasticMQ, QueueSuite, "a redrive brings dead letters back in order",
		"moves the messages of a FIFO dead-letter queue back", "accepts StartMessageMoveTask for a FIFO queue and moves nothing",
	},
}
