# Compiles shaders/*.comp to SPIR-V and embeds them: build/shaders/table.c holds one array per shader and `shader_table`.
# All of them are compiled for Vulkan 1.1, the floor.
file(GLOB SHADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shaders/*.comp)
set(SHADER_DIR ${CMAKE_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${SHADER_DIR})
set(SHADER_TABLE ${SHADER_DIR}/table.c)

# These are compiled a second time, as NAME_addr, with -DADDRESSES: the same kernel by buffer addresses (src/gpu/gpu.h).
set(ADDRESS_SHADERS matmul_rows_nt matmul_rows_nn matmul_rows_tn)

set(table "#include \"gpu/shader_table.h\"\n")
set(rows "")
set(includes "")
function(add_shader name shader)
  add_custom_command(
    OUTPUT ${SHADER_DIR}/${name}.inc
    COMMAND Vulkan::glslc -Werror -O --target-env=vulkan1.1 -mfmt=num -I ${CMAKE_SOURCE_DIR}/shaders ${ARGN}
            -MD -MF ${SHADER_DIR}/${name}.d -o ${SHADER_DIR}/${name}.inc ${shader}
    DEPENDS ${shader}
    DEPFILE ${SHADER_DIR}/${name}.d
    COMMENT "Compiling shader ${name}"
    VERBATIM)
  set(includes ${includes} ${SHADER_DIR}/${name}.inc PARENT_SCOPE)
  set(table "${table}static const uint32_t ${name}_words[] = {\n#include \"${name}.inc\"\n};\n" PARENT_SCOPE)
  set(rows "${rows}  {\"${name}\", ${name}_words, sizeof ${name}_words},\n" PARENT_SCOPE)
endfunction()

foreach(shader ${SHADERS})
  get_filename_component(name ${shader} NAME_WE)
  add_shader(${name} ${shader})
  if(name IN_LIST ADDRESS_SHADERS)
    add_shader(${name}_addr ${shader} -DADDRESSES)
  endif()
endforeach()
string(APPEND table "const shader_code shader_table[] = {\n${rows}  {0}};\n")
file(CONFIGURE OUTPUT ${SHADER_TABLE} CONTENT "${table}" @ONLY)
set_source_files_properties(${SHADER_TABLE} PROPERTIES OBJECT_DEPENDS "${includes}" INCLUDE_DIRECTORIES "${SHADER_DIR}")
