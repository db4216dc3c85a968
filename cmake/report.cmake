# Embeds src/report/page.css and page.js, and the script's digest, by which the page allows it and no other.
# build/report/assets.c is written anew when one of them has changed.
set(REPORT_DIR ${CMAKE_SOURCE_DIR}/src/report)
set(REPORT_ASSETS ${CMAKE_BINARY_DIR}/report/assets.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${REPORT_DIR}/page.css ${REPORT_DIR}/page.js)

function(bytes_of_hex hex variable)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
  set(${variable} "${bytes}" PARENT_SCOPE)
endfunction()

file(READ ${REPORT_DIR}/page.css style HEX)
file(READ ${REPORT_DIR}/page.js script HEX)
file(SHA256 ${REPORT_DIR}/page.js digest)
bytes_of_hex("${style}" style)
bytes_of_hex("${script}" script)
bytes_of_hex("${digest}" digest)
file(CONFIGURE OUTPUT ${REPORT_ASSETS} CONTENT "#include \"report/assets.h\"
const unsigned char report_style[] = {\n@style@};
const size_t report_style_bytes = sizeof report_style;
const unsigned char report_script[] = {\n@script@};
const size_t report_script_bytes = sizeof report_script;
const unsigned char report_script_sha256[32] = {\n@digest@};
" @ONLY)
