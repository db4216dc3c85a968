// Bad rows of the formats beyond the simplest: each message names file, line, field, what was expected and what was found.
#include "support/test.h"

#include <string.h>

#include "support/data_fixture.h"

#define SHAREGPT(list) "{\"conversations\":[" list "]}"
#define HUMAN "{\"from\":\"human\",\"value\":\"u\"}"
#define GPT "{\"from\":\"gpt\",\"value\":\"a\"}"
#define SEGMENTS(list) "{\"segments\":[" list "]}"
#define YES "{\"label\":true,\"text\":\"a\"}"
#define SEED(list) "{\"instruction\":\"i\",\"instances\":[" list "]}"
#define TASK(fields, list) "{\"Definition\":[\"d\"]," fields "\"Instances\":[" list "]}"
#define ONE "{\"input\":\"i\",\"output\":[\"o\"]}"

static const struct {
  const char *data, *message;
} bad_rows[] = {
    // ShareGPT.
    {"{\"conversations\":\"a\"}", "bad.jsonl:1: conversations: expected an array, found a string \"a\""},
    {SHAREGPT(""), "bad.jsonl:1: expected at least one user turn, found none"},
    {SHAREGPT(GPT), "expected at least one user turn, found none"},
    {SHAREGPT(HUMAN), "expected an answer (an assistant turn), found none"},
    {SHAREGPT(HUMAN ",7"), "conversations[1]: expected an object with \"from\" and \"value\", found the number 7"},
    {SHAREGPT(HUMAN ",{\"value\":\"a\"}"), "conversations[1].from: expected a string, found nothing"},
    {SHAREGPT(HUMAN ",{\"from\":\"gtp\",\"value\":\"a\"}"),
     "conversations[1].from: expected \"human\", \"gpt\", \"system\", \"function_call\", \"observation\" or \"tool\", found "
     "\"gtp\""},
    {SHAREGPT(HUMAN ",{\"from\":\"gpt\"}"), "conversations[1].value: expected a string, found nothing"},
    {SHAREGPT(HUMAN ",{\"from\":\"gpt\",\"value\":[]}"), "conversations[1].value: expected a string, found an array of 0"},
    {SHAREGPT(HUMAN ",{\"from\":\"gpt\",\"value\":\"\"}"), "message 2: expected an answer to learn, found an empty one"},
    {SHAREGPT(HUMAN "," GPT ",{\"from\":\"system\",\"value\":\"s\"}"),
     "message 3: expected a system message in the first place only"},
    {"{\"system\":\"s\",\"conversations\":[{\"from\":\"system\",\"value\":\"s\"}," HUMAN "," GPT "]}",
     "message 2: expected a system message in the first place only, found another one"},
    {"{\"system\":1,\"conversations\":[" HUMAN "," GPT "]}", "bad.jsonl:1: system: expected a string, found the number 1"},
    {"{\"tools\":\"[{\",\"conversations\":[" HUMAN "," GPT "]}", "bad.jsonl:1: tools: column 3: expected"},
    {"{\"tools\":\"{}\",\"conversations\":[" HUMAN "," GPT "]}",
     "bad.jsonl:1: tools: expected a list of tools in the string, found an object"},
    {"{\"tools\":3,\"conversations\":[" HUMAN "," GPT "]}", "bad.jsonl:1: tools: expected an array of tools, found the number 3"},
    {SHAREGPT(HUMAN "," GPT) "\n{\"messages\":[]}",
     "bad.jsonl:2: expected a row of the format sharegpt, as the first example is, found one of the format messages"},
    // Calls of tools.
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"u\",\"tool_calls\":[{\"name\":\"f\"}]}]}",
     "messages[0].tool_calls: expected calls by the assistant only, found some of another role"},
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":\"f\"}]}",
     "messages[0].tool_calls: expected an array of calls, found a string"},
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[\"f\"]}]}",
     "messages[0].tool_calls[0]: expected an object with \"function\""},
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":1}]}]}",
     "messages[0].tool_calls[0]: expected an object as its \"function\", found the number 1"},
    {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{}}]}]}",
     "messages[0].tool_calls[0].name: expected a string, found nothing"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"name\":"
     "\"f\"}]}]}",
     "bad.jsonl:1: message 2: tool_calls: the chat template has no place for them"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"tool\",\"content\":\"r\",\"train\":true}]}",
     "messages[1].train: expected false, since only assistant turns carry loss, found true"},
    // Segments.
    {"{\"segments\":{}}", "segments: expected an array, found an object"},
    {SEGMENTS(""), "bad.jsonl:1: segments: expected at least one segment, found an empty array"},
    {SEGMENTS(YES ",\"b\""), "segments[1]: expected an object with \"label\" and \"text\", found a string \"b\""},
    {SEGMENTS("{\"text\":\"a\"}"), "segments[0].label: expected true or false, found nothing"},
    {SEGMENTS("{\"label\":1,\"text\":\"a\"}"), "segments[0].label: expected true or false, found the number 1"},
    {SEGMENTS(YES ",{\"label\":false}"), "segments[1].text: expected a string, found nothing"},
    {SEGMENTS("{\"label\":false,\"text\":\"a\"}"),
     "the mask covers nothing: expected a segment with some text and \"label\": true"},
    {SEGMENTS("{\"label\":false,\"text\":\"a\"},{\"label\":true,\"text\":\"\"}"), "the mask covers nothing"},
    // Self-instruct.
    {"{\"instruction\":\"i\",\"instances\":{}}", "bad.jsonl:1: instances: expected an array, found an object"},
    {SEED(""), "bad.jsonl:1: instances: expected at least one instance, found an empty array"},
    {SEED("{\"output\":\"o\"},5"), "instances[1]: expected an object, found the number 5"},
    {SEED("{\"output\":\"o\"},{\"input\":\"a\"}"), "bad.jsonl:1: instances[1].output: expected a string, found nothing"},
    {SEED("{\"output\":\"o\",\"input\":7}"), "instances[0].input: expected a string, found the number 7"},
    {SEED("{\"output\":\"\"}"), "bad.jsonl:1: instances[0]: message 2: expected an answer to learn, found an empty one"},
    {"{\"instruction\":5,\"instances\":[{\"output\":\"o\"}]}", "bad.jsonl:1: instruction: expected a string, found the number 5"},
    // Super-NaturalInstructions.
    {"{\"Definition\":5,\"Instances\":[" ONE "]}",
     "bad.jsonl:1: Definition: expected a string or a list of strings, found the number 5"},
    {"{\"Definition\":[],\"Instances\":[" ONE "]}", "Definition: expected a string or a list of strings, found an array of 0"},
    {"{\"Definition\":[1],\"Instances\":[" ONE "]}", "Definition: expected a string or a list of strings, found an array of 1"},
    {"{\"Definition\":\"d\",\"Instances\":{}}", "bad.jsonl:1: Instances: expected an array, found an object"},
    {TASK("", ""), "bad.jsonl:1: Instances: expected at least one instance, found an empty array"},
    {TASK("", "\"i\""), "Instances[0]: expected an object, found a string \"i\""},
    {TASK("", ONE ",{\"output\":[\"o\"]}"), "bad.jsonl:1: Instances[1].input: expected a string, found nothing"},
    {TASK("", ONE "," ONE ",{\"input\":\"i\"}"), "Instances[2].output: expected a string or a list of strings, found nothing"},
    {TASK("", "{\"input\":\"i\",\"output\":[]}"), "Instances[0].output: expected a list of strings, found an array of 0"},
    {TASK("", "{\"input\":\"i\",\"output\":[\"a\",2]}"), "Instances[0].output: expected strings only, found the number 2"},
    {TASK("", "{\"input\":\"i\",\"output\":{}}"), "Instances[0].output: expected a string or a list of strings, found an object"},
    {TASK("", "{\"input\":\"i\",\"output\":\"\"}"), "bad.jsonl:1: Instances[0]: message 2: expected an answer to learn"},
    {TASK("\"Positive Examples\":{},", ONE), "Positive Examples: expected a list of demonstrations, found an object"},
    {TASK("\"Positive Examples\":[{\"input\":\"i\"}],", ONE), "Positive Examples[0].output: expected a string, found nothing"},
    {TASK("\"Negative Examples\":[{\"input\":\"i\",\"output\":\"o\"},4],", ONE),
     "Negative Examples[1]: expected an object, found the number 4"},
    {TASK("\"Positive Examples\":[{\"input\":\"i\",\"output\":\"o\",\"explanation\":1}],", ONE),
     "Positive Examples[0].explanation: expected a string, found the number 1"},
    {TASK("\"Examples\":[],", ONE), "bad.jsonl:1: Examples: expected an object, found an array of 0"},
    {TASK("\"Examples\":{\"Positive Examples\":5},", ONE),
     "Positive Examples: expected a list of demonstrations, found the number 5"},
    {TASK("\"Categories\":3,", ONE), "Categories: expected a string or a list of strings, found the number 3"},
    {TASK("\"Source\":[\"a\",3],", ONE), "Source: expected a list of strings only, found the number 3"},
    {TASK("\"Prompt\":{},", ONE), "Prompt: expected a string or a list of strings, found an object"},
    {TASK("\"Things to Avoid\":7,", ONE), "Things to Avoid: expected a string or a list of strings, found the number 7"},
    // Any row.
    {"{\"text\":\"a\",\"choices\":\"yes\"}", "bad.jsonl:1: choices: expected a list of strings, found a string \"yes\""},
    {"{\"text\":\"a\",\"choices\":[]}", "choices: expected a list of strings, found an array of 0"},
    {"{\"text\":\"a\",\"choices\":[\"yes\",null]}", "choices: expected strings only, found null"},
    {"{\"text\":\"a\",\"source\":[]}", "source: expected a string, found an array of 0"},
    {"{\"text\":\"a\",\"cluster\":false}", "cluster: expected a string, found false"},
};

static void bad_rows_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++)
    data_fixture_refuse(&f, "bad.jsonl", bad_rows[i].data, strlen(bad_rows[i].data), bad_rows[i].message);
  data_fixture_end(&f);
}

// Every cut of a good file either reads or is refused; nothing else.
static void cut_files_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *whole[] = {"{\"system\":\"s\",\"tools\":\"[{\\\"name\\\":\\\"n\\\"}]\",\"conversations\":[" HUMAN "," GPT "]}",
                         SEGMENTS("{\"text\":\"b\",\"label\":false}," YES),
                         SEED("{\"output\":\"o\"},{\"input\":\"i\",\"output\":\"p\"}"),
                         "{\n  \"Definition\": [\"d\"],\n  \"Positive Examples\": [{\"input\": \"a\", \"output\": \"b\"}],\n"
                         "  \"Instances\": [" ONE ",\n" ONE "]\n}"};
  for (size_t w = 0; w < sizeof whole / sizeof *whole; w++) {
    size_t size = strlen(whole[w]);
    for (size_t n = 0; n < size; n++) data_fixture_refuse(&f, "cut.json", whole[w], n, "");
    data_fixture_read(&f, "cut.json", whole[w]);
  }
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_rows_are_refused),
      cmocka_unit_test(cut_files_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
