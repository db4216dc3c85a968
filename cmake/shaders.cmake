# Compiles shaders/*.comp to SPIR-V and embeds them: build/shaders/table.c holds one array per shader and `shader_table`.
# All of them are compiled for Vulkan 1.1, the floor, but *_coopmat.comp: these multiply cooperative matrices, which older
# compilers do not know; then they are left out, and kernel_exists says so at run time. They are compiled for Vulkan 1.3, and
# without -O, since spirv-opt is known to break such shaders (llama.cpp #10734).
file(GLOB SHADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/shaders/*.comp)
set(SHADER_DIR ${CMAKE_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${SHADER_DIR})
set(SHADER_TABLE ${SHADER_DIR}/table.c)

# These are compiled a second time, as NAME_addr, with -DADDRESSES: the same kernel by buffer addresses (src/gpu/gpu.h).
set(ADDRESS_SHADERS attention_lanes_decode attention_lanes_dkv attention_lanes_dq attention_lanes_fwd matmul_rows_nt matmul_rows_nn
                    matmul_rows_tn)
# And these, as NAME_turned, with -DTURNED: the same product, whose result is turned by the rotary embedding as it is stored.
set(TURNED_SHADERS matmul_rows_nt matmul_tile)
# And these, as NAME_blocks, with -DBLOCKS: the same kernel for weights of quantized types (shaders/lib/blocks.glsl).
set(BLOCKS_SHADERS embedding_fwd matmul_rows_nt matmul_rows_nn matmul_tile matmul_tile_coopmat)
# Whether glslc knows a GLSL extension; asked again when the compiler is another one.
function(shader_extension extension variable)
  if(NOT "${${variable}_ASKED}" STREQUAL "${Vulkan_GLSLC_EXECUTABLE}")
    set(probe ${SHADER_DIR}/probe.comp)
    file(WRITE ${probe} "#version 450\n#extension ${extension} : require\nlayout(local_size_x = 1) in;\nvoid main() {}\n")
    execute_process(COMMAND ${Vulkan_GLSLC_EXECUTABLE} --target-env=vulkan1.3 -o ${SHADER_DIR}/probe.spv ${probe}
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed)
      set(${variable} OFF CACHE INTERNAL "glslc knows ${extension}")
    else()
      set(${variable} ON CACHE INTERNAL "glslc knows ${extension}")
    endif()
    set(${variable}_ASKED "${Vulkan_GLSLC_EXECUTABLE}" CACHE INTERNAL "of which compiler ${variable} tells")
  endif()
  if(NOT ${variable})
    message(STATUS "Shaders that need ${extension} are left out: this glslc does not know it")
  endif()
endfunction()
shader_extension(GL_KHR_cooperative_matrix SHADERS_COOPMAT)

set(table "#include \"gpu/shader_table.h\"\n")
set(rows "")
set(includes "")
function(add_shader name shader)
  set(options -O --target-env=vulkan1.1)
  if(name MATCHES "_coopmat(_blocks)?$")
    if(NOT SHADERS_COOPMAT)
      return()
    endif()
    set(options --target-env=vulkan1.3)
  endif()
  add_custom_command(
    OUTPUT ${SHADER_DIR}/${name}.inc
    COMMAND Vulkan::glslc -Werror ${options} -mfmt=num -I ${CMAKE_SOURCE_DIR}/shaders ${ARGN}
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
  if(name IN_LIST TURNED_SHADERS)
    add_shader(${name}_turned ${shader} -DTURNED)
    if(name IN_LIST ADDRESS_SHADERS)
      add_shader(${name}_turned_addr ${shader} -DTURNED -DADDRESSES)
    endif()
  endif()
  if(name IN_LIST BLOCKS_SHADERS)
    add_shader(${name}_blocks ${shader} -DBLOCKS)
    if(name IN_LIST ADDRESS_SHADERS)
      add_shader(${name}_blocks_addr ${shader} -DBLOCKS -DADDRESSES)
    endif()
  endif()
endforeach()
string(APPEND table "const shader_code shader_table[] = {\n${rows}  {0}};\n")
file(CONFIGURE OUTPUT ${SHADER_TABLE} CONTENT "${table}" @ONLY)
set_source_files_properties(${SHADER_TABLE} PROPERTIES OBJECT_DEPENDS "${includes}" INCLUDE_DIRECTORIES "${SHADER_DIR}")
